"""A charge that needs three attempts, and the receipt for it."""

import json
import time


class BankIsSilent(Exception):
    """The bank does not answer."""


def charge(event, context):
    """Fail twice; the third time, wait for the bank for half a minute."""
    if int(context.retry_count) < 2:
        raise BankIsSilent("no answer from the bank")
    time.sleep(30)
    return "charged"


def receipt(event, context):
    """Write a receipt from the report of a charge that succeeded."""
    report = json.loads(event)
    return f"{report['responsePayload']} after {report['requestContext']['approximateInvokeCount']} attempts"
