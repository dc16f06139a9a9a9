//! What is exported of a service that the macros have made.

#![allow(missing_docs)]

use hardlight::{
    ConnectionState, Events, Feature, Service, codable, rpc,
    schema::{Entry, Schema, compare, to_json},
};

#[derive(Feature)]
enum Allowed {
    Account,
    Admin,
}

#[rpc(state = State, events = ShopEvent)]
trait Shop {
    #[rpc(secret)]
    async fn log_in(&self, token: String) -> bool;
    #[rpc(feature = Allowed::Account)]
    async fn order(&self, articles: Vec<Article>) -> Result<u64, SoldOut>;
}

#[rpc(state = State, events = ShopEvent, feature = Allowed::Admin)]
trait Office {
    async fn close(&self);
}

#[derive(ConnectionState)]
#[state(reserved(1))]
struct State {
    name: String,
    #[state(feature = Allowed::Account, secret)]
    card: Option<String>,
}

#[derive(Events)]
enum ShopEvent {
    Opened,
    #[events(feature = Allowed::Account, secret)]
    Shipped {
        order: u64,
    },
}

#[codable]
struct Article {
    number: u32,
}

#[codable]
struct SoldOut {
    article: Article,
}

fn told(entries: &[Entry]) -> Vec<(&str, u32, &str, Option<&str>, bool)> {
    entries.iter().map(tell).collect()
}

fn tell(entry: &Entry) -> (&str, u32, &str, Option<&str>, bool) {
    (&entry.name, entry.index, &entry.ty, entry.feature.as_deref(), entry.secret)
}

#[test]
fn an_export_has_names_indexes_types_features_and_what_is_secret() {
    let schema = Schema::from_json(&to_json(shop::schema())).unwrap();
    assert_eq!((schema.format, schema.revision, &*schema.service), (1, 1, "Shop"));
    let order =
        "fn{articles:vec<struct Article{number:u32}>}->result<u64,struct SoldOut{article:#0}>";
    let methods = [
        ("log_in", 0, "fn{token:string}->bool", None, true),
        ("order", 1, order, Some("account"), false),
    ];
    assert_eq!(told(&schema.methods), methods);
    let state =
        [("name", 0, "string", None, false), ("card", 2, "option<string>", Some("account"), true)];
    assert_eq!(told(&schema.state), state);
    let events = [
        ("Opened", 0, "event{}", None, false),
        ("Shipped", 1, "event{order:u64}", Some("account"), true),
    ];
    assert_eq!(told(&schema.events), events);
}

#[test]
fn several_services_on_one_connection_are_one_schema() {
    let alone = Schema::from(shop::schema());
    let both = Schema::from(<(shop::Connection, office::Connection) as Service>::schema());
    assert_eq!(both.service, "Shop+Office");
    let changes = compare(&alone, &both);
    assert!(changes.iter().all(|change| !change.is_breaking()), "{changes:?}");
    let removed: Vec<_> = compare(&both, &alone).into_iter().filter(|c| c.is_breaking()).collect();
    assert_eq!(removed.iter().map(|change| &*change.name).collect::<Vec<_>>(), ["close"]);
}
