//! The router for hosts with threads.
