"""HTTP as API Gateway brings it: what a request may have, and how each error is answered."""
