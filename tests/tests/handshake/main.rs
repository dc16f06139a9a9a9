//! Who a client is and whether it may connect, over real sockets: what the factory and the handler see of it, what is refused
//! and how, and that nothing of the application has run by then.

mod certificates;
mod coming_back;
mod forwarded;
mod house;
mod origin;
mod refusal;
mod request;
