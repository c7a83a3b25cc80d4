//! What generated networks and their users call.
