"""s.yaml, edition 3.0.0 with component fc3 -> native form."""

from typing import Final

from fcemu.config.code_uri import local_code
from fcemu.config.devs import (
    code_texts,
    extended,
    is_component,
    is_function,
    overlays_of,
    said_actions,
    say_placeholders,
)
from fcemu.config.devs_variables import Resources, names_3
from fcemu.config.problems import Mark, quoted
from fcemu.config.translate import (
    Rules,
    Source,
    Translation,
    as_texts,
    entry,
    is_nothing,
    kept_entry,
    loose,
    merged,
    text,
)
from fcemu.config.tree import Entry, Items, Kind, Node, Scalar, Table
from fcemu.config.triggers import trigger_of
from fcemu.config.variables import Expander

_TOP: Final = Rules(
    read=frozenset({"edition", "resources", "template", "extend", "env", "vars", "actions", "services"}),
    silent=frozenset({"name", "access", "flow"}),
)
_RESOURCE: Final = Rules(read=frozenset({"component", "props", "actions", "extend"}), silent=frozenset({"access"}))
_PROPS: Final = Rules(
    same={
        "runtime": "runtime",
        "handler": "handler",
        "timeout": "timeout",
        "memorySize": "memorySize",
        "instanceConcurrency": "instanceConcurrency",
        "description": "description",
        "layers": "layers",
    },
    read=frozenset(
        {
            *("region", "functionName", "code", "environmentVariables", "asyncInvokeConfig", "triggers"),
            *("instanceLifecycleConfig", "customRuntimeConfig", "concurrencyConfig", "customDomain", "tags"),
        }
    ),
    kept=frozenset(
        {
            *("cpu", "diskSize", "role", "internetAccess", "vpcConfig", "vpcBinding"),
            *("nasConfig", "ossMountConfig", "logConfig", "customDNS", "tracingConfig", "gpuConfig"),
            *("provisionConfig", "scalingConfig", "resourceGroupId", "sessionAffinity", "sessionAffinityConfig"),
            *("instanceIsolationMode", "enableLongLiving", "disableOndemand"),
        }
    ),
    carried=frozenset({"customContainerConfig", "idleTimeout"}),
    silent=frozenset({"endpoint", "supplement", "annotations", "buildDir"}),
)
_ASYNC: Final = Rules(
    same={
        "asyncTask": "asyncTask",
        "maxAsyncEventAgeInSeconds": "maxAsyncEventAgeInSeconds",
        "maxAsyncRetryAttempts": "maxAsyncRetryAttempts",
        "qualifier": "qualifier",
    },
    read=frozenset({"destinationConfig"}),
)
_TAG: Final = Rules(read=frozenset({"key", "value"}))
_DESTINATIONS: Final = Rules(read=frozenset({"onSuccess", "onFailure"}))
_DESTINATION: Final = Rules(read=frozenset({"destination"}))
_LIFECYCLE: Final = Rules(read=frozenset({"initializer", "preStop", "preFreeze"}))
_HOOK: Final = Rules(same={"handler": "handler", "timeout": "timeout"}, read=frozenset({"command"}))
_RUNTIME: Final = Rules(
    read=frozenset({"command", "args"}), same={"port": "port"}, carried=frozenset({"healthCheckConfig"})
)
_CONCURRENCY: Final = Rules(same={"reservedConcurrency": "reservedConcurrency"})
_TRIGGER: Final = Rules(
    same={
        "description": "description",
        "qualifier": "qualifier",
        "sourceArn": "sourceArn",
        "invocationRole": "invocationRole",
    },
    read=frozenset({"triggerName", "triggerType", "triggerConfig"}),
)
_DOMAIN: Final = Rules(
    same={"protocol": "protocol"},
    read=frozenset({"domainName", "route", "routeConfig", "region"}),
    kept=frozenset({"certConfig", "tlsConfig", "authConfig", "wafConfig"}),
)
_ROUTE: Final = Rules(
    same={"qualifier": "qualifier", "methods": "methods", "rewriteConfig": "rewriteConfig"},
    read=frozenset({"path", "functionName"}),
)


def translate(source: Source) -> Table:
    """Edition 3.0.0 in native form."""
    tree = extended(source)
    say_placeholders(source.report, tree)
    return _Edition3(source._replace(tree=tree)).translated(tree)


class _Edition3(Translation):
    """Walks the resources."""

    def translated(self, tree: Table) -> Table:
        if services := tree.get("services"):
            self.report.add(services.place, "'services' is the word of edition 1.0.0", "write resources")
        self.entries(tree, _TOP, "at the top level")
        self._templates = self.table(tree.get("template"), "template")
        said_actions(self.report, tree, "")
        overlays = overlays_of(tree, self.root, self.report, self.choices)
        raw: dict[str, Table] = {}
        resources = self.table(tree.get("resources"), "resources")
        for each in resources.entries if resources else ():
            resource = self.part(each)
            if resource is not None:
                raw[each.key.text] = self._resource(each.key, resource, overlays)
        everything = Resources(tree.get("vars"), raw, code_texts(raw, ("props", "code")))
        expander = Expander(self.report, names_3(everything, self.root, self.choices))
        for name, resource in raw.items():
            expander.scope = name
            expanded = expander.tree(resource)
            if isinstance(expanded, Table):
                self._read(name, expanded)
        return self.tree()

    def _resource(self, key: Scalar, resource: Table, overlays: dict[str, Node]) -> Table:
        """A resource with its template and its overlays in its props; the strongest comes last."""
        where = f"in resource {key.text}"
        self.entries(resource, _RESOURCE, where)
        said_actions(self.report, resource, where)
        props = resource.get("props")
        if (extend := self.table(resource.get("extend"), "extend")) is not None:
            props = merged(self._template(extend), props)
        for overlay in (overlays.get("fc3"), overlays.get(f"resources.{key.text}")):
            props = merged(props, overlay)
        rest = resource.without("props", "actions", "extend").entries
        name = entry("name", text(key.place, key.text), key)
        own = () if props is None else (Entry(Scalar(key.place, "props"), props),)
        return Table(resource.place, (name, *rest, *own))

    def _template(self, extend: Table) -> Node | None:
        name = self.name(extend, "name", extend.place, "in extend")
        if name is None:
            return None
        template = self._templates.get(name.text) if self._templates else None
        if template is None:
            names = [each.key.text for each in self._templates.entries] if self._templates else []
            near = self.report.closest(name.text, names)
            hints = [f"did you mean {near!r}?"] if near else []
            self.report.add(name.place, f"there is no template {quoted(name.text)}", *hints, key="name")
            return None
        ignored = extend.get("ignore")
        out = (
            {each.text for each in ignored.values if isinstance(each, Scalar)} if isinstance(ignored, Items) else set()
        )
        if not isinstance(template, Table):
            return template
        return template.without(*out)

    def _read(self, name: str, resource: Table) -> None:
        component = resource.get("component")
        if not isinstance(component, Scalar) or component.kind is Kind.NOTHING:
            self.report.add(resource.place, f"component is missing in resource {name}", "write component: fc3")
            return
        props = self.table(resource.get("props"), "props")
        if props is None:
            if is_nothing(resource.get("props")):
                self.report.add(resource.place, f"props is missing in resource {name}")
        elif is_component(component.text, "fc3-domain"):
            self._domain_resource(name, props)
        elif is_component(component.text, "fc3") or is_function(props, "functionName", "runtime", "handler"):
            self._function(name, props)
        else:
            self.report.warn(component.place, f"resource {name} is left out: {quoted(component.text)} is no function")

    def _function(self, resource: str, props: Table) -> None:
        where = f"in props of resource {resource}"
        name = self.name(props, "functionName", props.place, where)
        if name is None or not self.is_here(props.get("region"), name.text, name.place):
            return
        kept: list[Entry] = []
        made = self.entries(props, _PROPS, where, kept)
        if (variables := props.get("environmentVariables")) is not None and not is_nothing(variables):
            made.append(entry("environmentVariables", as_texts(loose(variables)), _key(props, "environmentVariables")))
        made += local_code(self.report, props, "code")
        made += self._asynchronous(props, where)
        made += self._tags(props)
        made += self._hooks(props, where)
        made += self._custom_runtime(props, where, kept)
        if concurrency := self.table(props.get("concurrencyConfig"), "concurrencyConfig"):
            made += self.entries(concurrency, _CONCURRENCY, f"in concurrencyConfig of {name.text}")
        if triggers := self._triggers(props, where):
            made.append(entry("triggers", triggers, _key(props, "triggers")))
        made += kept_entry(kept, props.place)
        self.function(None, name, made)
        if (domain := self.table(props.get("customDomain"), "customDomain")) is not None:
            self._domain(domain, name.text)

    def _asynchronous(self, props: Table, where: str) -> list[Entry]:
        config = self.table(props.get("asyncInvokeConfig"), "asyncInvokeConfig")
        if config is None:
            return []
        made = self.entries(config, _ASYNC, f"in asyncInvokeConfig {where}")
        destinations = self.table(config.get("destinationConfig"), "destinationConfig")
        if destinations is not None:
            self.entries(destinations, _DESTINATIONS, f"in destinationConfig {where}")
            for word in ("onSuccess", "onFailure"):
                if (inner := self.table(destinations.get(word), word)) is None:
                    continue
                self.entries(inner, _DESTINATION, f"in {word} {where}")
                target = inner.get("destination")
                if target is not None and not is_nothing(target):
                    made.append(entry(word, loose(target), _key(destinations, word)))
        return [entry("asyncInvokeConfig", Table(config.place, tuple(made)), _key(props, "asyncInvokeConfig"))]

    def _tags(self, props: Table) -> list[Entry]:
        """A list of keys and values is a map."""
        made: dict[str, Entry] = {}
        for node in self.items(props.get("tags"), "tags"):
            tag = self.table(node, "tags")
            key = self.name(tag, "key", node.place, "in a tag") if tag else None
            if tag is not None and key is not None:
                self.entries(tag, _TAG, "in a tag")
                value = tag.get("value")
                made[key.text] = entry(key.text, text(key.place, "") if value is None else loose(value), key)
        return [entry("tags", Table(props.place, tuple(made.values())), _key(props, "tags"))] if made else []

    def _hooks(self, props: Table, where: str) -> list[Entry]:
        config = self.table(props.get("instanceLifecycleConfig"), "instanceLifecycleConfig")
        if config is None:
            return []
        self.entries(config, _LIFECYCLE, f"in instanceLifecycleConfig {where}")
        made: list[Entry] = []
        for word in ("initializer", "preStop", "preFreeze"):
            if (hook := self.table(config.get(word), word)) is None:
                continue
            inner = self.entries(hook, _HOOK, f"in {word} {where}")
            key = _key(config, word)
            if word == "preFreeze":
                self.report.warn(key, "FC 3.0 has no preFreeze; it is left out")
            elif not is_nothing(hook.get("command")):
                if any(each.key.text == "handler" for each in inner):
                    self.report.add(key, f"{word} has both handler and command", "write one of them")
                else:
                    self.report.keep(key, f"{word}.command")
            else:
                made.append(entry(word, Table(hook.place, tuple(inner)), key))
        return made

    def _custom_runtime(self, props: Table, where: str, kept: list[Entry]) -> list[Entry]:
        """``command`` with its arguments, and the port; the rest of the block is kept as such."""
        config = self.table(props.get("customRuntimeConfig"), "customRuntimeConfig")
        if config is None:
            return []
        inner: list[Entry] = []
        made = self.entries(config, _RUNTIME, f"in customRuntimeConfig {where}", inner)
        if inner:
            kept.append(entry("customRuntimeConfig", Table(config.place, tuple(inner)), config.place))
        words = [*self.items(config.get("command"), "command"), *self.items(config.get("args"), "args")]
        if words:
            made.append(entry("command", loose(Items(config.place, tuple(words))), config.place))
        return made

    def _triggers(self, props: Table, where: str) -> Table | None:
        made: dict[str, Entry] = {}
        for node in self.items(props.get("triggers"), "triggers"):
            trigger = self.table(node, "triggers")
            name = self.name(trigger, "triggerName", node.place, f"in a trigger {where}") if trigger else None
            kind = self.name(trigger, "triggerType", node.place, f"in a trigger {where}") if trigger else None
            if trigger is None or name is None or kind is None:
                continue
            at = f"in trigger {name.text} {where}"
            more = self.entries(trigger, _TRIGGER, at)
            config = self.table(trigger.get("triggerConfig"), "triggerConfig") or Table(trigger.place, ())
            value = trigger_of(self, kind, config, more, trigger.place, at)
            if name.text in made:
                self.report.add(name.place, f"trigger {quoted(name.text)} again {where}")
            elif value is not None:
                made[name.text] = entry(name.text, value, name)
        return Table(props.place, tuple(made.values())) if made else None

    def _domain(self, domain: Table, function: str) -> None:
        kept: list[Entry] = []
        settings = self.entries(domain, _DOMAIN, f"in customDomain of {function}", kept)
        name = self.name(domain, "domainName", domain.place, f"in customDomain of {function}")
        route = self.table(domain.get("route"), "route") or Table(domain.place, ())
        if name is not None:
            called = self._domain_name(name, function)
            self._route(called, [*settings, *kept_entry(kept, domain.place)], route, function)

    def _domain_name(self, name: Scalar, function: str) -> Scalar:
        """ASSUMED: fcemu makes the name of an automatic domain of the function, the account and the region
        (yaml-formats §1.2)."""
        if name.text.lower() != "auto":
            return name
        region = self._region.text if self._region is not None else "cn-hangzhou"
        return name._replace(text=f"{function}.fcv3.{self.account_id}.{region}.fc.devsapp.net")

    def _route(self, domain: Scalar, settings: list[Entry], route: Table, function: str) -> None:
        where = f"in a route of domain {domain.text}"
        inner = self.entries(route, _ROUTE, where)
        path = route.get("path")
        place = path if isinstance(path, Scalar) and path.text else text(route.place, "/*")
        target = entry("function", text(route.place, function), route.place)
        self.route(domain, settings, place, Table(route.place, (target, *inner)))

    def _domain_resource(self, resource: str, props: Table) -> None:
        """Component fc3-domain: a domain whose routes name functions."""
        where = f"in props of resource {resource}"
        kept: list[Entry] = []
        settings = [*self.entries(props, _DOMAIN, where, kept), *kept_entry(kept, props.place)]
        name = self.name(props, "domainName", props.place, where)
        config = self.table(props.get("routeConfig"), "routeConfig")
        for node in self.items(config.get("routes") if config else None, "routes"):
            route = self.table(node, "routes")
            function = self.name(route, "functionName", node.place, f"in a route {where}") if route else None
            if route is not None and function is not None and name is not None:
                self._route(self._domain_name(name, resource), settings, route, function.text)


def _key(table: Table, name: str) -> Mark:
    """Where the key of an entry that is there is."""
    there = table.entry(name)
    return table.place if there is None else there.key.place
