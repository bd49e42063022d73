"""The endpoints, a file per noun; each is `async (world, call) -> Answer` or raises a Refusal."""
