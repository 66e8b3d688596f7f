"""What was asked of a store and what is right: model, subject, history."""
