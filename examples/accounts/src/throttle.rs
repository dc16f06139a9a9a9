//! Slows down who guesses passwords: per name, and per address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// How many names and addresses are remembered. A record takes some 100 bytes.
const MAX_RECORDS: usize = 10_000;
/// After how long without an attempt one is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
/// The wait behind the first attempt that is too many. It doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest. A user whose name somebody else tries out waits no longer, and a token is not affected at all.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How many attempts there are before the waiting begins.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// With one name, from wherever they come. Default 5.
    pub per_name: u32,
    /// From one address: people behind the same router share it. Default 20.
    pub per_address: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { per_name: 5, per_address: 20 }
    }
}

/// An attempt counts when it begins, so that many at once are many; one that succeeds is taken back.
pub(crate) struct Throttle {
    pace: Pace,
    records: Mutex<HashMap<Key, Record>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Name(String),
    /// Of IPv6 the first 64 bits, which is what a household or a machine has.
    Address(IpAddr),
}

struct Record {
    attempts: u32,
    last: Instant,
}

impl Throttle {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, records: Mutex::default() }
    }

    /// Counts an attempt, unless it comes too early.
    ///
    /// # Errors
    ///
    /// How long to wait.
    pub(crate) fn begin(
        &self,
        name: Option<&str>,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut records = self.records.lock();
        let keys = keys(name, address);
        let waits = keys.iter().map(|key| {
            records.get(key).map_or(Duration::ZERO, |record| self.wait(key, record, now))
        });
        match waits.max() {
            None | Some(Duration::ZERO) => {}
            Some(wait) => return Err(wait),
        }
        for key in keys {
            make_room(&mut records, &key, now);
            let record = records.entry(key).or_insert(Record { attempts: 0, last: now });
            if now.duration_since(record.last) > FORGOTTEN_AFTER {
                record.attempts = 0;
            }
            record.attempts = record.attempts.saturating_add(1);
            record.last = now;
        }
        Ok(())
    }

    /// The attempt was no guess. Others from the address stay: whoever guesses may have an account of their own.
    pub(crate) fn succeeded(&self, name: &str, address: Option<IpAddr>) {
        let mut records = self.records.lock();
        for key in keys(Some(name), address) {
            match &key {
                Key::Name(_) => drop(records.remove(&key)),
                Key::Address(_) => {
                    if let Some(record) = records.get_mut(&key) {
                        record.attempts = record.attempts.saturating_sub(1);
                    }
                }
            }
        }
    }

    fn wait(&self, key: &Key, record: &Record, now: Instant) -> Duration {
        let free = match key {
            Key::Name(_) => self.pace.per_name,
            Key::Address(_) => self.pace.per_address,
        };
        let Some(excess) = record.attempts.checked_sub(free) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(excess).unwrap_or(u32::MAX);
        let wait = FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT);
        wait.saturating_sub(now.duration_since(record.last))
    }
}

fn keys(name: Option<&str>, address: Option<IpAddr>) -> Vec<Key> {
    let name = name.map(|name| Key::Name(name.to_owned()));
    let address = address.map(|address| match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Key::Address(Ipv6Addr::from_bits(network).into())
        }
        address => Key::Address(address),
    });
    name.into_iter().chain(address).collect()
}

/// Forgets what is old, or else the one that matters least, where there is no room for `key`.
fn make_room(records: &mut HashMap<Key, Record>, key: &Key, now: Instant) {
    if records.len() < MAX_RECORDS || records.contains_key(key) {
        return;
    }
    records.retain(|_, record| now.duration_since(record.last) <= FORGOTTEN_AFTER);
    if records.len() >= MAX_RECORDS {
        let least = records.iter().min_by_key(|(_, record)| (record.attempts, record.last));
        if let Some(least) = least.map(|(key, _)| key.clone()) {
            records.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Option<&str> = Some("ann");

    fn address(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    fn throttle() -> Throttle {
        Throttle::new(Pace { per_name: 2, per_address: 3 })
    }

    #[test]
    fn a_name_is_slowed_from_wherever_it_is_tried() {
        let (throttle, now) = (throttle(), Instant::now());
        assert_eq!(throttle.begin(ANN, address(1), now), Ok(()));
        assert_eq!(throttle.begin(ANN, address(2), now), Ok(()));
        assert_eq!(throttle.begin(ANN, address(3), now), Err(FIRST_WAIT));
        assert_eq!(throttle.begin(Some("bob"), address(3), now), Ok(()));
        let mut now = now;
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = Duration::from_secs(wait);
            let early = now + wait - Duration::from_millis(1);
            assert_eq!(throttle.begin(ANN, None, early), Err(Duration::from_millis(1)), "{wait:?}");
            now += wait;
            assert_eq!(throttle.begin(ANN, None, now), Ok(()), "{wait:?}");
        }
    }

    #[test]
    fn an_address_is_slowed_whatever_names_it_tries() {
        let (throttle, now) = (throttle(), Instant::now());
        for name in ["a", "b", "c"] {
            assert_eq!(throttle.begin(Some(name), address(1), now), Ok(()));
        }
        assert_eq!(throttle.begin(Some("d"), address(1), now), Err(FIRST_WAIT));
        assert_eq!(throttle.begin(Some("d"), address(2), now), Ok(()));
        // What is refused does not count: nobody is kept out by somebody else's trying too early.
        assert_eq!(throttle.begin(Some("e"), address(1), now + FIRST_WAIT), Ok(()));
    }

    #[test]
    fn an_address_of_ipv6_is_that_of_its_network_and_one_of_ipv4_in_it_is_one_of_ipv4() {
        let (throttle, now) = (throttle(), Instant::now());
        for last in 1..=3 {
            let address = format!("2001:db8::{last}").parse().ok();
            assert_eq!(throttle.begin(None, address, now), Ok(()));
        }
        assert_eq!(throttle.begin(None, "2001:db8::ffff".parse().ok(), now), Err(FIRST_WAIT));
        assert_eq!(throttle.begin(None, "2001:db8:0:1::1".parse().ok(), now), Ok(()));
        for _ in 0..3 {
            assert_eq!(throttle.begin(None, "::ffff:192.0.2.1".parse().ok(), now), Ok(()));
        }
        assert_eq!(throttle.begin(None, address(1), now), Err(FIRST_WAIT));
    }

    #[test]
    fn a_success_clears_the_name_and_not_the_address() {
        let (throttle, now) = (throttle(), Instant::now());
        for _ in 0..2 {
            throttle.begin(Some("bob"), address(1), now).unwrap();
        }
        throttle.begin(ANN, address(1), now).unwrap();
        throttle.succeeded("ann", address(1));
        throttle.begin(ANN, address(1), now).unwrap();
        assert_eq!(throttle.begin(ANN, address(1), now), Err(FIRST_WAIT));
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for_and_the_worst_stays() {
        let (throttle, now) = (throttle(), Instant::now());
        throttle.begin(ANN, None, now).unwrap();
        throttle.begin(ANN, None, now).unwrap();
        for name in 0..MAX_RECORDS + 10 {
            throttle.begin(Some(&name.to_string()), None, now).unwrap();
        }
        assert_eq!(throttle.records.lock().len(), MAX_RECORDS);
        assert_eq!(throttle.begin(ANN, None, now), Err(FIRST_WAIT));
        throttle.begin(Some("later"), None, now + FORGOTTEN_AFTER + FIRST_WAIT).unwrap();
        assert_eq!(throttle.records.lock().len(), 1);
    }
}
