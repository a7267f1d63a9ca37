//! The durable stores of the auth layers on SQLite and PostgreSQL.
