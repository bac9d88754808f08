"""Users: the model, the DynamoDB store, and the contract and producer of `user.events`."""
