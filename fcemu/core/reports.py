"""The report that a destination gets of a finished invocation."""

from datetime import datetime

from fcemu.core.compact import as_text, compact
from fcemu.core.invocation import Invocation, State
from fcemu.core.names import Account, function_arn
from fcemu.core.times import milliseconds, text_of


def report(invocation: Invocation, account: Account, now: datetime) -> bytes:
    """The JSON that a destination receives. Only attempts that ran the handler count in it.

    Source: FC docs, "Result callback". ASSUMED: fcemu gives the time of the report as its ``timestamp``
    (retry-and-destinations §3.1).
    """
    accepted, ending = invocation.accepted, invocation.ending()
    document = {
        "timestamp": milliseconds(now),
        "requestContext": {
            "requestId": invocation.id,
            "functionArn": function_arn(accepted.function, accepted.qualifier, account),
            "condition": ending.condition,
            "approximateInvokeCount": invocation.executions,
        },
        "requestPayload": as_text(accepted.payload),
        "responseContext": {"statusCode": ending.status_code, "functionError": ending.function_error},
        "responsePayload": as_text(ending.payload),
    }
    return compact(document).encode()


def envelope(invocation: Invocation, body: bytes, account: Account, now: datetime) -> bytes:
    """The CloudEvents 1.0 event in which an EventBridge bus receives ``body``, the report.

    ASSUMED: fcemu makes up every field of the event but ``specversion``, because FC's pages name EventBridge and show
    no event (retry-and-destinations §3.1).
    """
    succeeded = invocation.state is State.SUCCEEDED
    event = {
        "specversion": "1.0",
        "id": invocation.id,
        "source": "acs.fc",
        "type": f"fc:AsyncInvoke:{'Succeeded' if succeeded else 'Failed'}",
        "subject": function_arn(invocation.function, invocation.qualifier, account),
        "time": text_of(now),
        "datacontenttype": "application/json",
        "aliyunaccountid": account.id,
        "aliyunregionid": account.region,
    }
    head = compact(event)
    return head[:-1].encode() + b',"data":' + body + b"}"
