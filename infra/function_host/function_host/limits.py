"""How large things may be, in bytes.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html,
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

LARGEST_BODY = 10 * 2**20  # of a request to API Gateway
LARGEST_EVENT = 6 * 2**20  # of an invocation that waits for its answer
LARGEST_ASYNCHRONOUS_EVENT = 2**20
LOG_TAIL = 4096  # of the log that an invocation's answer has
