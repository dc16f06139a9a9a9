//! A device that embeds the core: a thermostat that serves one client, on whatever carries its messages, with `alloc` and
//! without `std`. It is built for a target that has none, and run where there is one.
#![no_std]
#![deny(warnings, missing_docs)]

extern crate alloc;

use alloc::{boxed::Box, collections::BTreeMap, string::String};

use bytes::Bytes;
use hardlight_macros::{ConnectionState, Events, codable};
use hardlight_proto::{
    CallError, CallId, Connection, EncodeError, EncodedEvent, Events, Limits, Server, ServerConfig,
    ServerEvent, ServiceSchema, StateSource, Time, payload::decode_input,
};

/// What the client sees.
#[derive(Debug, ConnectionState)]
pub struct Thermostat {
    /// In degrees.
    pub target: i32,
    /// Of each sensor, in degrees.
    pub sensors: BTreeMap<String, i32>,
}

/// Method 0: sets the target, and returns the one before.
#[codable]
#[derive(Debug)]
pub struct SetTarget {
    /// In degrees.
    pub degrees: i32,
}

/// Why there is no such target.
#[codable]
#[derive(Debug, PartialEq)]
pub enum Refused {
    /// It is too cold for the pipes.
    Freezing,
    /// The most that it can do.
    TooHot {
        /// In degrees.
        most: i32,
    },
}

/// The events of the topic `heater`.
#[derive(Debug, PartialEq, Events)]
pub enum Heater {
    /// It was switched.
    Switched {
        /// Whether it heats.
        on: bool,
    },
}

const TOPIC: u64 = 1;
const MOST: i32 = 30;

/// Made once, and kept for ever.
pub fn schema() -> &'static ServiceSchema {
    let schema = ServiceSchema::new("Thermostat")
        .method::<SetTarget, Result<i32, Refused>>("set_target")
        .state::<Thermostat>()
        .events::<Heater>();
    Box::leak(Box::new(schema))
}

/// Limits for a machine with little memory.
pub fn limits() -> Limits {
    Limits::new()
        .with_max_frame_bytes(0)
        .with_max_transfer_bytes(0)
        .with_max_input_bytes(4096)
        .with_max_buffered_bytes(4096)
        .with_max_queued_event_bytes(4096)
}

/// The device's side of a connection.
#[derive(Debug)]
pub struct Device {
    /// To be told what happens, and asked what is to be sent.
    pub connection: Connection<Server>,
    thermostat: StateSource<Thermostat>,
    heats: bool,
    /// The number of the next event.
    next: u64,
}

impl Device {
    /// A device with one sensor.
    ///
    /// # Errors
    ///
    /// If its state cannot be encoded.
    pub fn new(schema: &'static ServiceSchema, now: Time) -> Result<Self, EncodeError> {
        let sensors = BTreeMap::from([("hall".into(), 18)]);
        let (thermostat, snapshot) = StateSource::new(Thermostat { target: 5, sensors })?;
        let config = ServerConfig::new(schema).with_limits(limits());
        let mut connection = Connection::server(config, snapshot, now);
        connection.announce_topic(TOPIC, 0, Bytes::from_static(b"heater"));
        Ok(Self { connection, thermostat, heats: false, next: 0 })
    }

    /// Acts on everything that has happened.
    pub fn act(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                ServerEvent::Call { id, method, payload, .. } => self.run(id, method, &payload),
                ServerEvent::Cancel { id } => {
                    self.connection.answer(id, Err(CallError::Cancelled));
                }
                _ => {}
            }
        }
    }

    /// A sensor says what it measures, in degrees.
    pub fn measure(&mut self, sensor: &str, degrees: i32) {
        self.thermostat.get_mut().sensors.insert(sensor.into(), degrees);
        self.publish();
    }

    fn run(&mut self, id: CallId, method: u32, input: &[u8]) {
        let result = match method {
            0 => self.set_target(input),
            _ => Err(CallError::UnknownMethod),
        };
        self.connection.answer_result(id, result);
    }

    fn set_target(&mut self, input: &[u8]) -> Result<Result<i32, Refused>, CallError> {
        let SetTarget { degrees } = decode_input(input)?;
        let before = self.thermostat.target;
        let result = match degrees {
            ..5 => Err(Refused::Freezing),
            5..=MOST => Ok(before),
            _ => Err(Refused::TooHot { most: MOST }),
        };
        if result.is_ok() {
            self.thermostat.get_mut().target = degrees;
        }
        self.publish();
        Ok(result)
    }

    /// Sends what has changed, and switches the heater if need be.
    fn publish(&mut self) {
        self.thermostat.send_changes(&mut self.connection);
        let target = self.thermostat.target;
        let on = self.thermostat.sensors.values().any(|degrees| *degrees < target);
        if on != core::mem::replace(&mut self.heats, on) {
            let (event, payload) = Heater::Switched { on }.encode().expect("a bool fits");
            self.connection.send_event(&EncodedEvent::new(TOPIC, self.next, event, payload));
            self.next += 1;
        }
    }
}
