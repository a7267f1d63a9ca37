//! The stores of the auth layers on Redis.
