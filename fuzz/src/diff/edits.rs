//! Small changes of a state.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    hash::Hash,
    mem,
};

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;

use super::model::{FIELDS, Form, Item, Json, State, Tree};

/// Changes one field.
pub fn edit(state: &mut State, input: &mut Unstructured<'_>) -> Result<()> {
    match input.arbitrary::<u8>()? as u32 % FIELDS {
        0 => state.numbers = input.arbitrary()?,
        1 => text(&mut state.text, input)?,
        2 => {
            let mut longer = mem::take(&mut state.boxed_text).into_string();
            text(&mut longer, input)?;
            state.boxed_text = longer.into();
        }
        3 => {
            let mut longer = Vec::from(mem::take(&mut state.bytes));
            list(&mut longer, input, replace)?;
            state.bytes = Bytes::from(longer);
        }
        4 => list(&mut state.values, input, replace)?,
        5 => list(&mut state.floats, input, replace)?,
        6 => list(&mut state.texts, input, text)?,
        7 => list(&mut state.items, input, item)?,
        8 => list(&mut state.lists, input, |inner, input| {
            list(inner, input, replace)
        })?,
        9 => queue(&mut state.queue, input)?,
        10 => {
            let place = usize::from(input.arbitrary::<u8>()? % 3);
            option(&mut state.array[place], input, item)?;
        }
        11 => match input.arbitrary::<u8>()? % 3 {
            0 => text(&mut state.tuple.1.0, input)?,
            1 => list(&mut state.tuple.1.1, input, replace)?,
            _ => state.tuple = input.arbitrary()?,
        },
        12 => option(&mut state.options, input, |inner, input| {
            option(inner, input, text)
        })?,
        13 => match &mut state.result {
            Err(error) if input.arbitrary()? => item(error, input)?,
            result => *result = input.arbitrary()?,
        },
        14 => map(&mut state.map, input, item)?,
        15 => hash_map(&mut state.maps, input)?,
        16 => set(&mut state.set, input)?,
        17 => hash_set(&mut state.hash_set, input)?,
        18 => tree(&mut state.tree, input)?,
        19 => json(&mut state.json, input)?,
        20 => form(&mut state.form, input)?,
        _ => state.others.0 = input.arbitrary()?,
    }
    Ok(())
}

type Edit<T> = fn(&mut T, &mut Unstructured<'_>) -> Result<()>;

fn replace<'a, T: Arbitrary<'a>>(value: &mut T, input: &mut Unstructured<'a>) -> Result<()> {
    *value = input.arbitrary()?;
    Ok(())
}

fn place(len: usize, input: &mut Unstructured<'_>) -> Result<usize> {
    Ok(usize::from(input.arbitrary::<u8>()?) % (len + 1))
}

/// Some characters go, and others come.
fn text(text: &mut String, input: &mut Unstructured<'_>) -> Result<()> {
    let mut start = place(text.len(), input)?;
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = start + place(text.len() - start, input)?;
    while !text.is_char_boundary(end) {
        end += 1;
    }
    text.replace_range(start..end, input.arbitrary()?);
    Ok(())
}

fn list<'a, T: Arbitrary<'a>>(
    list: &mut Vec<T>,
    input: &mut Unstructured<'a>,
    edit: impl Fn(&mut T, &mut Unstructured<'a>) -> Result<()>,
) -> Result<()> {
    let place = place(list.len(), input)?;
    match input.arbitrary::<u8>()? % 8 {
        0 => list.insert(place, input.arbitrary()?),
        1 => list.push(input.arbitrary()?),
        2 => list.truncate(place),
        3 => drop(list.drain(..place)),
        4 => list.rotate_left(place),
        5 => list.reverse(),
        6 => list.extend(input.arbitrary::<Vec<T>>()?),
        _ => {
            if let Some(element) = list.get_mut(place) {
                edit(element, input)?;
            }
        }
    }
    Ok(())
}

fn queue(queue: &mut VecDeque<Item>, input: &mut Unstructured<'_>) -> Result<()> {
    match input.arbitrary::<u8>()? % 4 {
        0 => queue.push_front(input.arbitrary()?),
        1 => queue.push_back(input.arbitrary()?),
        2 => drop(queue.pop_front()),
        _ => {
            let place = place(queue.len(), input)?;
            if let Some(element) = queue.get_mut(place) {
                item(element, input)?;
            }
        }
    }
    Ok(())
}

fn option<'a, T: Arbitrary<'a>>(
    option: &mut Option<T>,
    input: &mut Unstructured<'a>,
    edit: impl Fn(&mut T, &mut Unstructured<'a>) -> Result<()>,
) -> Result<()> {
    match option {
        Some(value) if input.arbitrary()? => edit(value, input),
        option => replace(option, input),
    }
}

fn item(item: &mut Item, input: &mut Unstructured<'_>) -> Result<()> {
    match input.arbitrary::<u8>()? % 4 {
        0 => text(&mut item.name, input),
        1 => replace(&mut item.position, input),
        2 => list(&mut item.tags, input, text),
        _ => {
            let next = mem::take(&mut item.next);
            item.next = match input.arbitrary()? {
                true => next,
                false => Some(Box::new(Item {
                    next,
                    ..input.arbitrary()?
                })),
            };
            Ok(())
        }
    }
}

/// The key of one of the entries, or another.
fn key<'a, K: Arbitrary<'a> + Clone>(
    mut keys: impl ExactSizeIterator<Item = K>,
    input: &mut Unstructured<'a>,
) -> Result<K> {
    let place = place(keys.len(), input)?;
    keys.nth(place).map_or_else(|| input.arbitrary(), Ok)
}

fn map(
    map: &mut BTreeMap<String, Item>,
    input: &mut Unstructured<'_>,
    edit: Edit<Item>,
) -> Result<()> {
    let key = key(map.keys().cloned(), input)?;
    match input.arbitrary::<u8>()? % 3 {
        0 => drop(map.remove(&key)),
        1 => drop(map.insert(key, input.arbitrary()?)),
        _ => edit(map.entry(key).or_default(), input)?,
    }
    Ok(())
}

fn hash_map(map: &mut HashMap<u8, BTreeMap<i16, f32>>, input: &mut Unstructured<'_>) -> Result<()> {
    let inner = map.entry(input.arbitrary::<u8>()? % 8).or_default();
    let key = key(inner.keys().copied(), input)?;
    match input.arbitrary::<u8>()? % 4 {
        0 => *map = input.arbitrary()?,
        1 => drop(inner.remove(&key)),
        _ => drop(inner.insert(key, input.arbitrary()?)),
    }
    Ok(())
}

fn set<'a, T: Arbitrary<'a> + Clone + Ord>(
    set: &mut BTreeSet<T>,
    input: &mut Unstructured<'a>,
) -> Result<()> {
    let key = key(set.iter().cloned(), input)?;
    if !set.remove(&key) {
        set.insert(key);
    }
    Ok(())
}

fn hash_set<'a, T: Arbitrary<'a> + Eq + Hash>(
    set: &mut HashSet<T>,
    input: &mut Unstructured<'a>,
) -> Result<()> {
    let key = input.arbitrary()?;
    if !set.remove(&key) {
        set.insert(key);
    }
    Ok(())
}

/// One further down, as far as the input says.
fn tree(tree: &mut Tree, input: &mut Unstructured<'_>) -> Result<()> {
    let place = place(tree.kids.len(), input)?;
    match tree.kids.get_mut(place) {
        Some(kid) => self::tree(kid, input),
        None if input.arbitrary()? => list(&mut tree.kids, input, self::tree),
        None => replace(&mut tree.value, input),
    }
}

fn json(json: &mut Json, input: &mut Unstructured<'_>) -> Result<()> {
    match json {
        Json::Text(inner) if input.arbitrary()? => text(inner, input),
        Json::Array(inner) if input.arbitrary()? => list(inner, input, self::json),
        Json::Object(inner) if input.arbitrary()? => {
            let key = key(inner.keys().cloned(), input)?;
            self::json(inner.entry(key).or_insert(Json::Null), input)
        }
        json if input.arbitrary()? => {
            let inner = mem::replace(json, Json::Null);
            *json = Json::Array(vec![inner, input.arbitrary()?]);
            Ok(())
        }
        json => replace(json, input),
    }
}

fn form(form: &mut Form, input: &mut Unstructured<'_>) -> Result<()> {
    match form {
        Form::Named { name, .. } if input.arbitrary()? => text(name, input),
        Form::Named {
            next: Some(next), ..
        } if input.arbitrary()? => self::form(next, input),
        Form::Lists(numbers, _) if input.arbitrary()? => list(numbers, input, replace),
        Form::Lists(_, forms) if input.arbitrary()? => list(forms, input, self::form),
        form => replace(form, input),
    }
}
