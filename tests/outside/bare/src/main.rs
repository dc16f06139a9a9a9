//! Runs the device where there is a `std`, with a client beside it.
#![deny(warnings)]

use bare::{Device, Heater, Refused, SetTarget, Thermostat, schema};
use hardlight_proto::{
    ClientConfig, ClientEvent, CloseReason, Connection, Events, StateCopy, Time, Transmit,
    payload::decode_output,
};

type Answer = Result<i32, Refused>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schema = schema();
    let mut device = Device::new(schema, Time::ZERO)?;
    let mut client = Connection::client(ClientConfig::new(schema), Time::ZERO);
    let mut copy = StateCopy::<Thermostat>::new();
    for degrees in [20, 4, 31] {
        client.call_value(0, &SetTarget { degrees })?;
    }

    let (mut answers, mut switched) = (Vec::new(), Vec::new());
    while !(client.is_finished() && device.connection.is_finished()) {
        device.act();
        deliver(device.connection.poll_transmit(), &mut client);
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Open { snapshot: operations } | ClientEvent::State { operations } => {
                    assert!(copy.apply(&operations, &mut client));
                }
                ClientEvent::Event { event, payload, .. } => {
                    switched.push(Heater::decode(event, &payload)?);
                    // Before the answer to the call that did it; what follows from this comes later.
                    device.measure("hall", 21);
                }
                ClientEvent::Answer { result, .. } => {
                    answers.push(decode_output::<Answer>(&result?)?);
                }
                _ => {}
            }
        }
        if answers.len() == 3 && switched.len() == 2 {
            client.close(CloseReason::normal(), Time::ZERO);
        }
        deliver(client.poll_transmit(), &mut device.connection);
    }

    let expected = [Ok(5), Err(Refused::Freezing), Err(Refused::TooHot { most: 30 })];
    assert_eq!(answers, expected);
    assert_eq!(switched, [true, false].map(|on| Heater::Switched { on }));
    assert_eq!((copy.target, copy.sensors["hall"]), (20, 21));
    println!("bare: all is well");
    Ok(())
}

fn deliver<R: hardlight_proto::Role>(transmit: Option<Transmit>, to: &mut Connection<R>) {
    match transmit {
        Some(Transmit::Message(message)) => to.handle_message(message),
        Some(Transmit::Close(reason)) => to.handle_close(Some(reason)),
        None => {}
    }
}
