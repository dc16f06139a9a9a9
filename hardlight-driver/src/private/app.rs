//! Application data of generated handlers.

use std::{
    any::{Any, type_name},
    fmt,
    sync::Arc,
};

/// The application data of a generated handler, of a type that only the application knows.
#[derive(Clone, Default)]
pub struct App(Option<Data>);

#[derive(Clone)]
struct Data {
    value: Arc<dyn Any + Send + Sync>,
    type_name: &'static str,
}

impl App {
    /// No data.
    pub const fn none() -> Self {
        Self(None)
    }

    /// This data.
    pub fn new<T: Send + Sync + 'static>(value: Arc<T>) -> Self {
        Self(Some(Data { value, type_name: type_name::<T>() }))
    }

    /// The data.
    ///
    /// # Panics
    ///
    /// If there is none, or it is of another type.
    #[track_caller]
    pub fn get<T: Send + Sync + 'static>(&self) -> &T {
        let wanted = type_name::<T>();
        match &self.0 {
            None => panic!(
                "the handler has no application data, and was asked for `{wanted}`: make it with `Handler::with_app`"
            ),
            Some(data) => data.value.downcast_ref().unwrap_or_else(|| {
                panic!(
                    "the handler's application data is a `{}`, and was asked for as a `{wanted}`",
                    data.type_name
                )
            }),
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("App").field(&self.0.as_ref().map(|data| data.type_name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_found_by_its_type() {
        let app = App::new(Arc::new("data".to_owned()));
        assert_eq!(app.get::<String>(), "data");
    }

    #[test]
    #[should_panic(expected = "asked for as a `u32`")]
    fn data_of_another_type_is_refused_by_name() {
        App::new(Arc::new("data".to_owned())).get::<u32>();
    }

    #[test]
    #[should_panic(expected = "has no application data")]
    fn no_data_is_refused() {
        App::none().get::<u32>();
    }
}
