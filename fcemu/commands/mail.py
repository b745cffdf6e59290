"""queue, topic: what is in them; sending to them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from fcemu.commands.names import QUEUE, TOPIC
from fcemu.commands.options import Duration, as_json, content, examples, where
from fcemu.commands.printing import Table, one_line, print_json

if TYPE_CHECKING:
    from fcemu.client import Client
    from fcemu.own_api.records import Message


@click.command(
    epilog=examples(
        "fcemu queue",
        "fcemu queue declined",
        "fcemu queue declined --waiting --json",
        "fcemu queue declined --send '{\"order\": 7}' --delay 1m",
    )
)
@click.argument("name", type=QUEUE, required=False)
@click.option("--send", metavar="TEXT|@FILE|-", help="Put this message into the queue.")
@click.option("--delay", type=Duration(), help="With --send, hide the message from consumers for this much time.")
@click.option("--waiting", is_flag=True, help="Show only messages that no consumer has deleted.")
@click.option("--clear", is_flag=True, help="Remove all messages from the queue.")
@where
@as_json
def queue(
    emulator: "Client",
    name: str | None,
    send: str | None,
    delay: timedelta | None,
    waiting: bool,
    clear: bool,
    as_json: bool,
) -> None:
    """List the queues, show the messages of one, or send one.

    Showing a message does not take it from its consumers. Without a name, fcemu lists the queues.
    """
    if name is None:
        if send is not None or waiting or clear:
            raise click.UsageError("name the queue: fcemu queue NAME")
        _list_queues(emulator, as_json)
    elif send is not None:
        _tell_sent(emulator.send(name, content("--send", send), delay=delay), as_json)
    elif delay is not None:
        raise click.UsageError("--delay applies to a message that is sent; add --send")
    elif clear:
        emulator.clear(f"queue:{name}")
    else:
        _show(emulator, emulator.messages(f"queue:{name}", waiting=waiting), as_json)


@click.command(
    epilog=examples("fcemu topic", "fcemu topic orders", "fcemu topic orders --publish '{\"order\": 7}' --tag paid")
)
@click.argument("name", type=TOPIC, required=False)
@click.option("--publish", metavar="TEXT|@FILE|-", help="Publish this message.")
@click.option("--tag", metavar="TAG", help="With --publish, give the message this tag.")
@click.option("--clear", is_flag=True, help="Forget the messages that were published.")
@where
@as_json
def topic(
    emulator: "Client", name: str | None, publish: str | None, tag: str | None, clear: bool, as_json: bool
) -> None:
    """List the topics, show the messages of one, or publish one.

    A published message reaches the queues that subscribe to the topic and the functions with a trigger on it. Without
    a name, fcemu lists the topics.
    """
    if name is None:
        if publish is not None or clear:
            raise click.UsageError("name the topic: fcemu topic NAME")
        _list_topics(emulator, as_json)
    elif publish is not None:
        _tell_sent(emulator.publish(name, content("--publish", publish), tag=tag), as_json)
    elif tag is not None:
        raise click.UsageError("--tag applies to a message that is published; add --publish")
    elif clear:
        emulator.clear(f"topic:{name}")
    else:
        _show(emulator, emulator.messages(f"topic:{name}"), as_json)


def _list_queues(emulator: "Client", as_json: bool) -> None:
    found = emulator.queues()
    if as_json:
        print_json(found)
        return
    _table(
        ("QUEUE", "ARRIVED", "VISIBLE", "IN FLIGHT", "DELAYED"),
        [[each.name, str(each.arrived), str(each.visible), str(each.in_flight), str(each.delayed)] for each in found],
        "there are no queues",
    )


def _list_topics(emulator: "Client", as_json: bool) -> None:
    found = emulator.topics()
    if as_json:
        print_json(found)
        return
    rows = [
        [
            each.name,
            str(each.arrived),
            ", ".join([*(f"queue {one.queue}" for one in each.subscriptions), *each.triggers]),
        ]
        for each in found
    ]
    _table(("TOPIC", "ARRIVED", "HEARD BY"), rows, "there are no topics")


def _show(emulator: "Client", messages: "list[Message]", as_json: bool) -> None:
    if as_json:
        print_json(messages)
        return
    started = emulator.clock().started
    rows = [_row(each, started) for each in messages]
    _table(("AT", "FROM", "MESSAGE"), rows, "there are no messages")


def _row(message: "Message", started: datetime) -> list[str]:
    from fcemu.core.times import offset

    return [offset(message.at, started), message.request_id or "a client", one_line(message.body)]


def _table(headings: Sequence[str], rows: list[list[str]], nothing: str) -> None:
    if not rows:
        click.echo(nothing, err=True)
        return
    for line in Table.fitting().lines([headings, *rows]):
        click.echo(line)


def _tell_sent(message: "Message", as_json: bool) -> None:
    if as_json:
        print_json(message)
    else:
        click.echo(message.message_id)
