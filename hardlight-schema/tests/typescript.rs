//! Declarations for TypeScript.

mod support;

use hardlight_proto::ServiceSchema;
use hardlight_schema::{Part, Schema, SchemaError, to_json, to_typescript};
use support::{counter, event, field, method};

/// What is declared of a service beyond what every module has.
fn declared(service: &ServiceSchema) -> String {
    let text = to_typescript(service);
    let (_, own) = text.split_once("init(module?").expect("every module has it");
    own.split_once('\n').expect("it ends its line").1.to_owned()
}

fn service(
    methods: &[(&'static str, &str)],
    state: &[(&'static str, &str)],
    events: &[(&'static str, &str)],
) -> ServiceSchema {
    let mut service = ServiceSchema::new("Shop");
    service.methods = methods.iter().map(|(name, ty)| method(name, ty)).collect();
    service.state = (0..).zip(state).map(|(index, (name, ty))| field(index, name, ty)).collect();
    service.events = events.iter().map(|(name, ty)| event(name, ty)).collect();
    service
}

#[test]
fn a_service_is_declared_with_its_state_its_events_and_its_client() {
    let expected = r#"
/** The state of a connection. */
export interface CounterState {
    readonly counter: number;
    readonly user: string | null;
}

/** The events. */
export type CounterEvent =
    | { type: "Told"; topic: string; value: { text: string } }
    | { type: "Emptied"; topic: string };

export interface CounterClient extends HardLightClient<CounterState, CounterEvent> {
    reset(options?: CallOptions): Promise<void>;
    increment(amount: number, options?: CallOptions): Promise<number>;
}

/** Connects to a server. */
export function connect(url: string, options?: ConnectOptions<CounterClient>): Promise<CounterClient>;
"#;
    assert_eq!(declared(&counter()), expected);
}

#[test]
fn every_type_has_one_in_typescript() {
    for (ty, expected) in [
        ("u32", "number"),
        ("f32", "number"),
        ("u64", "bigint"),
        ("i128", "bigint"),
        ("bool", "boolean"),
        ("char", "string"),
        ("box<str>", "string"),
        ("duration", "number"),
        ("socket", "string"),
        ("unit", "null"),
        ("vec<u8>", "Uint8Array"),
        ("array<u8,16>", "Uint8Array"),
        ("vec<u16>", "Array<number>"),
        ("array<string,2>", "Array<string>"),
        ("tuple<u8,string>", "[number, string]"),
        ("map<string,vec<u64>>", "Map<string, Array<bigint>>"),
        ("set<char>", "Set<string>"),
        ("box<bool>", "boolean"),
        ("option<u8>", "number | null"),
        ("option<option<u8>>", "{ value: number | null } | null"),
        ("option<box<unit>>", "{ value: null } | null"),
        ("vec<option<u8>>", "Array<number | null>"),
        ("result<u8,string>", "{ ok: number } | { err: string }"),
    ] {
        let text = declared(&service(&[], &[("value", ty)], &[]));
        assert!(text.contains(&format!("    readonly value: {expected};\n")), "{ty}: {text}");
    }
}

#[test]
fn structs_and_enums_are_declared_once_by_their_names() {
    let order =
        "struct Order{placed_at:u64,lines:vec<struct Line(string,u8)>,size:enum Size{Small,Big=9}}";
    let text = declared(&service(
        &[("first_order", &format!("fn{{}}->{order}"))],
        &[("last_order", &format!("option<{order}>"))],
        &[("Changed", "event(enum Change{Paid,Sent{to:string},Back(u8)})")],
    ));
    let expected = [
        "export type Line = [string, number];",
        "export type Size = \"Small\" | \"Big\";",
        "export interface Order {\n    placedAt: bigint;\n    lines: Array<Line>;\n    size: Size;\n}",
        "export type Change =\n    | { type: \"Paid\" }\n    | { type: \"Sent\"; value: { to: string } }\n    \
         | { type: \"Back\"; value: number };",
        "    readonly lastOrder: Order | null;",
        "    | { type: \"Changed\"; topic: string; value: Change }",
        "    firstOrder(options?: CallOptions): Promise<Order>;",
    ];
    for part in expected {
        assert_eq!(text.matches(part).count(), 1, "{part}\n\n{text}");
    }
}

#[test]
fn two_types_of_one_name_have_two() {
    let text = declared(&service(
        &[("get", "fn{page:struct Page{number:u8}}->struct Page{text:string}")],
        &[("map", "struct Map{page:struct Page{text:string}}")],
        &[],
    ));
    for part in [
        "export interface Page {\n    text: string;\n}",
        "export interface Page2 {\n    number: number;\n}",
        "get(page: Page2, options?: CallOptions): Promise<Page>;",
        // What stands for something else in the declarations.
        "export interface Map2 {\n    page: Page;\n}",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
}

#[test]
fn types_may_be_within_themselves_and_one_another() {
    let text = declared(&service(
        &[("b", "fn{}->struct B{a:vec<struct A{b:vec<#0>}>}")],
        &[("a", "struct A{b:vec<struct B{a:vec<#0>}>}")],
        &[],
    ));
    for part in
        ["export interface A {\n    b: Array<B>;\n}", "export interface B {\n    a: Array<A>;\n}"]
    {
        assert_eq!(text.matches(part).count(), 1, "{part}\n\n{text}");
    }
}

#[test]
fn a_struct_of_one_field_without_a_name_is_that_field() {
    let text = declared(&service(
        &[("pay", "fn{amount:option<struct Cents(option<u32>)>}->unit")],
        &[],
        &[],
    ));
    assert!(text.contains("export type Cents = number | null;"), "{text}");
    assert!(text.contains("pay(amount: { value: Cents } | null, options?: CallOptions)"), "{text}");
}

#[test]
fn a_methods_own_error_is_no_part_of_what_it_returns() {
    let text =
        declared(&service(&[("pay", "fn{}->result<unit,enum Refused{Poor,Rude}>")], &[], &[]));
    let method = "    /** Fails with a `HardLightError<Refused>` of the kind `application`. */\n    \
                  pay(options?: CallOptions): Promise<void>;\n";
    assert!(text.contains(method), "{text}");
}

#[test]
fn a_method_comes_before_what_every_client_has() {
    let text = declared(&service(
        &[("close", "fn{}->unit"), ("on_change", "fn{function:u8}->unit")],
        &[],
        &[],
    ));
    assert!(
        text.contains(
            "extends Omit<HardLightClient<ShopState, ShopEvent>, \"close\" | \"onChange\"> {"
        ),
        "{text}"
    );
    assert!(text.contains("onChange(function_: number, options?: CallOptions)"), "{text}");
}

#[test]
fn a_type_that_is_none_is_named() {
    let json = to_json(&service(&[("pay", "fn{amount:#3}->unit")], &[], &[]));
    let error = Schema::from_json(&json).unwrap().to_typescript().unwrap_err();
    assert_eq!(error, SchemaError::MalformedType { part: Part::Method, name: "pay".to_owned() });
}
