//! States of some size, and changes of them.

use std::collections::HashMap;

use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::sync::{List, Map, Text};
use serde::Serialize;

#[codable]
#[derive(Clone, Serialize)]
pub struct Player {
    pub name: String,
    pub x: f32,
    pub y: f32,
    pub hp: u32,
}

#[derive(ConnectionState, Clone, Serialize, Default)]
pub struct Plain {
    pub list: Vec<u64>,
    pub map: HashMap<String, u64>,
    pub players: HashMap<String, Player>,
    pub text: String,
}

#[derive(ConnectionState, Default)]
pub struct Recording {
    pub list: List<u64>,
    pub map: Map<String, u64>,
    pub players: Map<String, Player>,
    pub text: Text,
}

#[derive(ConnectionState, Clone, Serialize, Default)]
pub struct Twenty {
    pub a: u32,
    pub b: String,
    pub c: Vec<u32>,
    pub d: Option<u32>,
    pub e: u8,
    pub f: f64,
    pub g: String,
    pub h: (u32, u32),
    pub i: bool,
    pub j: u64,
    pub k: u64,
    pub l: String,
    pub m: Vec<u32>,
    pub n: Option<u32>,
    pub o: u8,
    pub p: f64,
    pub q: String,
    pub r: (u32, u32),
    pub s: bool,
    pub t: u32,
}

pub fn twenty() -> Twenty {
    let text = || "a text of some length".to_owned();
    Twenty {
        b: text(),
        c: vec![1; 20],
        d: Some(1),
        g: text(),
        l: text(),
        m: vec![1; 20],
        q: text(),
        ..Twenty::default()
    }
}

pub fn plain() -> Plain {
    Plain {
        list: (0..10_000).collect(),
        map: (0..10_000)
            .map(|number| (format!("key {number:05}"), number))
            .collect(),
        players: (0..1_000)
            .map(|number| (format!("player {number:03}"), player()))
            .collect(),
        text: "x".repeat(10_000),
    }
}

pub fn recording() -> Recording {
    let Plain {
        list,
        map,
        players,
        text,
    } = plain();
    Recording {
        list: list.into(),
        map: map.into_iter().collect(),
        players: players.into_iter().collect(),
        text: text.into(),
    }
}

fn player() -> Player {
    Player {
        name: "somebody".into(),
        x: 1.0,
        y: 2.0,
        hp: 100,
    }
}
