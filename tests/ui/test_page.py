"""What people do on the page at /_fcemu/, in a browser."""

import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import expect
from running import serving

ORDERS = Path(__file__).parents[2] / "fixtures" / "orders"
BUTTONS = [
    "+1 s", "+1 m", "+1 h", "next", "until idle", "autojump", "pause", "rerun", "stop", "send", "fire", "copy as test",
    "previous failure", "next failure",
]  # fmt: skip
"""The names by which a reader of the page by assistive technology finds what acts."""


def ask(client, method, path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{client.url}{path}", data, headers, method=method)) as reply:
        return json.loads(reply.read() or b"null")


def charge(client, payload, *delay):
    headers = {"X-Fc-Invocation-Type": "Async"} | ({"X-Fc-Async-Delay": str(delay[0])} if delay else {})
    ask(client, "POST", "/2016-08-15/services/orders/functions/charge/invocations", payload, **headers)


def move(client):
    ask(client, "POST", "/_fcemu/clock/run-until-idle", {})


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_the_root_leads_browsers_to_the_page_where_everything_has_its_name(orders, visit):
    page = visit(orders.url)
    assert page.url == f"{orders.url}/_fcemu/"
    for name in BUTTONS:
        assert button(page, name).count() == 1, name
    assert page.get_by_role("slider").count() == 1


def test_the_story_of_a_declined_card(orders, visit, pytester):
    page = visit(f"{orders.url}/_fcemu/", permissions=["clipboard-read", "clipboard-write"])
    charge(orders, {"order": 7})
    rows = page.get_by_role("listbox", name="Invocations").get_by_role("option")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Enqueued")

    button(page, "until idle").click()
    heading = page.locator("#h-one")
    expect(heading).to_have_text("orders/charge (1) Failed")
    history = page.locator("ol.facts li")
    expect(history.filter(has_text="attempt 3 failed: Declined")).to_have_count(1)
    expect(page.locator("#story")).to_contain_text("handler.py")
    expect(page.locator("#now")).to_contain_text(ask(orders, "GET", "/_fcemu/clock")["now"][11:19])

    # Back before its failure: nothing of what came then is shown.
    button(page, "previous failure").click()
    expect(page.locator("#fact")).to_contain_text("Failed: function error")
    for _ in range(3):
        button(page, "previous failure").click()
    expect(page.locator("#fact")).to_contain_text("attempt 1 failed")
    page.get_by_role("slider").press("ArrowLeft")
    expect(heading).to_have_text("orders/charge (1) Running")
    expect(rows).to_contain_text("Running")
    expect(history).to_have_count(4)
    expect(page.locator("#messages")).to_contain_text("no messages")
    page.wait_for_function("location.hash.includes('fact=4')")

    # A link opens the same moment.
    other = visit(page.url)
    expect(other.locator("#h-one")).to_have_text("orders/charge (1) Running")
    expect(other.locator("#fact")).to_contain_text("fact 4 of 13")

    # Repaired, it succeeds.
    page.get_by_text("rerun with other input").click()
    page.get_by_label("payload").fill('{"order": 7, "card": "good"}')
    button(page, "rerun").click()
    expect(heading).to_have_text("orders/charge (2) Enqueued")
    button(page, "+1 s").click()
    expect(heading).to_have_text("orders/charge (2) Succeeded")
    expect(page.locator("#story")).to_contain_text('"charged": true')
    button(page, "orders/receipt (1)").click()
    expect(heading).to_have_text("orders/receipt (1) Succeeded")

    # A message of one's own.
    page.get_by_label("address").select_option("queue:declined")
    page.get_by_label("message", exact=True).fill("by hand")
    button(page, "send").click()
    expect(page.locator("#messages")).to_contain_text("by hand")
    [_, sent] = ask(orders, "GET", "/_fcemu/queues/declined/messages")
    assert sent["body"] == "by hand"

    # What happened, as a test.
    rows.filter(has_text="orders/charge (1)").click()
    expect(heading).to_have_text("orders/charge (1) Failed")
    button(page, "copy as test").click()
    expect(page.locator("#notice")).to_contain_text("on the clipboard")
    text = page.evaluate("navigator.clipboard.readText()")
    assert "def test_orders_charge_failed(fcemu):" in text
    pytester.makepyfile(test_copied=text)
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=1)


def test_time_is_moved_and_let_flow(orders, visit):
    page = visit(f"{orders.url}/_fcemu/")
    charge(orders, {"order": 7, "card": "good"}, 300)
    expect(page.locator("#h-one")).to_contain_text("Enqueued")
    for name, passed in [("+1 s", "+1 s"), ("+1 m", "+1m01s"), ("next", "+5m"), ("+1 h", "+1h05m")]:
        button(page, name).click()
        expect(page.locator("#since")).to_contain_text(passed)
    expect(page.locator("#h-one")).to_contain_text("Succeeded")
    expect(button(page, "pause")).to_have_attribute("aria-pressed", "true")
    button(page, "pause").click()
    expect(button(page, "pause")).to_have_attribute("aria-pressed", "false")
    assert ask(orders, "GET", "/_fcemu/clock")["rate"] == 1
    button(page, "pause").click()
    expect(button(page, "pause")).to_have_attribute("aria-pressed", "true")
    button(page, "autojump").click()
    expect(button(page, "autojump")).to_have_attribute("aria-pressed", "true")
    charge(orders, {"order": 8, "card": "good"}, 600)
    expect(page.locator("#invocations")).not_to_contain_text("Enqueued")


def test_faults_and_stubs_are_put_struck_and_removed(orders, visit):
    page = visit(f"{orders.url}/_fcemu/")
    page.get_by_label("fault", exact=True).select_option("fail")
    page.get_by_label("status").last.select_option("503")
    button(page, "put fault").click()
    expect(page.locator("#faults")).to_contain_text("fail orders/charge, status 503")
    page.get_by_label("steps").fill('[{"returns": {"by": "the stub"}}]')
    button(page, "put stub").click()
    charge(orders, {"order": 7})
    button(page, "until idle").click()
    expect(page.locator("#faults")).to_contain_text("occurred 1 of 1 times")
    expect(page.locator("#calls")).to_contain_text("1 call")
    expect(page.locator("#story")).to_contain_text("the stub")
    page.get_by_role("button", name="remove fault 1").click()
    expect(page.locator("#faults")).to_contain_text("none")
    button(page, "remove stub").click()
    expect(page.locator("#calls")).to_contain_text("its own code runs")
    page.get_by_label("steps").fill("no JSON")
    button(page, "put stub").click()
    expect(page.locator("#notice.wrong")).to_be_visible()


def test_what_waits_is_stopped_and_timers_are_fired(visit):
    with serving("fixtures/nightly", "--rate", "0", "--runtime", "inline") as (_, client, _):
        page = visit(f"{client.url}/_fcemu/")
        expect(page.locator("#firings")).to_contain_text("next ")
        button(page, "fire").click()
        expect(page.locator("#h-one")).to_have_text("report (1) Enqueued")
        button(page, "stop").click()
        expect(page.locator("#h-one")).to_have_text("report (1) Stopped")
        expect(button(page, "stop")).to_be_disabled()
        page.close()


def test_the_keyboard_is_enough(orders, visit):
    for order in range(3):
        charge(orders, {"order": order})
    move(orders)
    page = visit(f"{orders.url}/_fcemu/")
    expect(page.locator("#invocations .row")).to_have_count(3)
    listbox = page.get_by_role("listbox", name="Invocations")
    listbox.focus()
    page.keyboard.press("End")
    expect(page.locator("#h-one")).to_contain_text("orders/charge (1)")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#h-one")).to_contain_text("orders/charge (2)")
    page.keyboard.press("[")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("/")
    page.keyboard.type("charge (3)")
    expect(page.locator("#invocations .row")).to_have_count(1)
    page.locator("#canvas").focus()
    for key in ("+", "ArrowRight", "ArrowLeft", "-", "0"):
        page.keyboard.press(key)


def test_after_a_reset_the_page_shows_what_comes(orders, visit):
    charge(orders, {"order": 1})
    page = visit(f"{orders.url}/_fcemu/")
    expect(page.locator("#invocations .row")).to_have_count(1)
    ask(orders, "POST", "/_fcemu/reset", {})
    expect(page.locator("#fact")).to_contain_text("nothing has happened yet")
    charge(orders, {"order": 2})
    expect(page.locator("#invocations .row")).to_have_count(1)


def test_nothing_that_a_client_says_becomes_part_of_the_page(orders, visit):
    charge(orders, {"order": "<img src=x onerror=alert(1)>", "end": "</script><script>alert(2)</script>"})
    move(orders)
    page = visit(f"{orders.url}/_fcemu/")
    expect(page.locator("#story")).to_contain_text("<img src=x")
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_is_accessible_and_fits(orders, visit, axe, width, scheme):
    for order in range(5):
        charge(orders, {"order": order, "card": "good" if order % 2 else "bad"}, 10 * order)
    move(orders)
    page = visit(f"{orders.url}/_fcemu/", viewport={"width": width, "height": 900}, color_scheme=scheme)
    expect(page.locator("#invocations .row")).not_to_have_count(0)
    expect(page.locator("#story")).to_contain_text("History")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    found = page.evaluate("axe.run()")
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious] == []


def test_of_many_invocations_only_those_in_sight_are_elements(orders, visit):
    for order in range(300):
        charge(orders, {"order": order}, order)
    move(orders)
    page = visit(f"{orders.url}/_fcemu/")
    expect(page.locator("#count")).to_have_text("300 invocations")
    assert page.locator("#invocations .row").count() < 60


COLOURED = """() => {
    const canvas = document.getElementById('canvas'), {width, height} = canvas;
    const context = new OffscreenCanvas(width, height).getContext('2d', {willReadFrequently: true});
    context.drawImage(canvas, 0, 0);
    const {data} = context.getImageData(0, 0, width, height);
    const colour = getComputedStyle(document.documentElement).getPropertyValue('--odd').trim().slice(1);
    const [r, g, b] = [0, 2, 4].map(at => parseInt(colour.slice(at, at + 2), 16));
    let count = 0;
    for (let at = 0; at < data.length; at += 4) count += data[at] === r && data[at + 1] === g && data[at + 2] === b;
    return count;
}"""
"""How many pixels of the lanes have the colour of what did not go calmly."""


def test_what_did_not_go_calmly_is_marked_in_the_lanes_the_list_and_the_history(orders, visit):
    charge(orders, {"order": 6, "card": "good"})
    move(orders)
    page = visit(f"{orders.url}/_fcemu/")
    expect(page.locator("#invocations .row")).not_to_have_count(0)
    marks = page.get_by_role("img", name="not calm")
    assert (marks.count(), page.evaluate(COLOURED)) == (0, 0)
    ask(orders, "POST", "/_fcemu/faults", {"fault": "crash", "function": "orders/charge", "when": "after"})
    charge(orders, {"order": 7, "card": "good"})
    move(orders)
    expect(page.locator("#invocations .row", has=marks)).to_have_count(1)
    row = page.locator("#invocations .row", has=marks)
    expect(row).to_contain_text("orders/charge (2)")
    row.click()
    marked = page.locator("#story ol.facts .odd", has=marks)
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text("attempt 1 meets a fault: crash after")
    assert page.evaluate(COLOURED) > 20
    page.locator("#story ol.facts button", has=marks).click()
    expect(page.locator("#fact .odd")).to_contain_text("attempt 1 meets a fault: crash after")
    page.get_by_role("slider").press("ArrowLeft")
    expect(page.locator("#invocations .row", has=marks)).to_have_count(0)


def test_the_page_of_a_failed_search_marks_what_chance_answered(visit, pytester):
    pytester.makepyfile(
        test_bank="""
        import pytest

        @pytest.mark.fcemu("", explore=60)
        def test_it(fcemu):
            charges = []
            fcemu.add("charge", lambda event, context: charges.append(event))
            fcemu.function("charge").invoke_async("order 7")
            fcemu.run_until_idle()
            assert len(charges) == 1
        """
    )
    pytester.runpytest_subprocess("-p", "no:randomly", "--fcemu-report=out").assert_outcomes(failed=1)
    page = visit((pytester.path / "out" / "test_bank.py__test_it.html").as_uri(), offline=True)
    marked = page.locator("#story ol.facts .odd")
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text("attempt 1 meets a fault: crash after")
    assert page.evaluate(COLOURED) > 20


def test_a_failing_test_leaves_its_page_and_its_journal(visit, pytester):
    pytester.makepyfile(
        test_orders=f"""
        import pytest

        @pytest.mark.fcemu({str(ORDERS)!r})
        @pytest.mark.parametrize("card", ["</script>", "good"])
        def test_it(fcemu, card):
            invocation = fcemu.function("orders/charge").invoke_async({{"order": 7, "card": card}})
            fcemu.run_until_idle()
            assert invocation.status == "Succeeded"
        """
    )
    pytester.runpytest_subprocess("-p", "no:randomly", "--fcemu-report=out").assert_outcomes(failed=1, passed=1)
    out = pytester.path / "out"
    name = "test_orders.py__test_it___script__"
    assert {file.name for file in out.iterdir()} == {f"{name}.html", f"{name}.jsonl"}
    facts = [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
    assert [fact["n"] for fact in facts] == list(range(1, 14))
    page = visit((out / f"{name}.html").as_uri(), offline=True)
    expect(page.locator("#h-one")).to_have_text("orders/charge (1) Failed")
    expect(page.locator("#story")).to_contain_text("raise Declined")
    expect(page.locator("#notice")).to_contain_text("assert invocation.status")
    for control in ("+1 s", "pause", "rerun", "stop", "send", "fire", "copy as test", "put fault"):
        assert button(page, control).count() == 0
    for _ in range(4):
        button(page, "previous failure").click()
    page.get_by_role("slider").press("ArrowLeft")
    expect(page.locator("#h-one")).to_have_text("orders/charge (1) Running")
