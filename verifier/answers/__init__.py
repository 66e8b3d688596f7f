"""Every answer judged: one task, a store with all that it can be asked, and a reference that predicts it."""
