"""s.yaml, edition 1.0.0 with components fc and fc-api -> native form."""

from typing import Final

from fcemu.config.devs import code_texts, extended, is_component, is_function, said_actions, say_placeholders
from fcemu.config.devs_variables import Resources, names_1
from fcemu.config.fc2 import SERVICE, add_trigger, function_entries, route_value, trigger_entry
from fcemu.config.problems import quoted
from fcemu.config.translate import Rules, Source, Translation, entry, is_nothing, kept_entry, text
from fcemu.config.tree import Entry, Items, Kind, Scalar, Table
from fcemu.config.variables import Expander

RUNTIME: Final = "nodejs10"
"""What the component fills in. Source: yaml-formats §2.1."""
_METHODS: Final = ("GET", "POST", "PUT", "DELETE")
"""Of a route that names none. Source: yaml-formats §2.1."""
_TOP: Final = Rules(
    read=frozenset({"edition", "services", "extend", "vars", "actions"}), silent=frozenset({"name", "access"})
)
_PROJECT: Final = Rules(read=frozenset({"component", "props", "actions"}), silent=frozenset({"access"}))
_PROPS: Final = Rules(read=frozenset({"region", "service", "function", "triggers", "customDomains"}))
_TRIGGER: Final = Rules(
    same={"sourceArn": "sourceArn", "qualifier": "qualifier", "role": "invocationRole", "description": "description"},
    read=frozenset({"name", "type", "config"}),
)
_DOMAIN: Final = Rules(
    same={"protocol": "protocol"},
    read=frozenset({"domainName", "routeConfigs"}),
    kept=frozenset({"certConfig", "certId", "tlsConfig", "wafConfig"}),
)
_ROUTE: Final = Rules(
    same={"qualifier": "qualifier", "methods": "methods", "rewriteConfig": "rewriteConfig"},
    read=frozenset({"path", "serviceName", "functionName"}),
)


def translate(source: Source) -> Table:
    """Edition 1.0.0 in native form."""
    tree = extended(source)
    say_placeholders(source.report, tree)
    return _Edition1(source._replace(tree=tree)).translated(tree)


class _Edition1(Translation):
    """Walks the projects."""

    def translated(self, tree: Table) -> Table:
        self.entries(tree, _TOP, "at the top level")
        said_actions(self.report, tree, "")
        raw: dict[str, Table] = {}
        services = self.table(tree.get("services"), "services")
        for each in services.entries if services else ():
            project = self.part(each)
            if project is not None:
                raw[each.key.text] = project
                self.entries(project, _PROJECT, f"in project {each.key.text}")
                said_actions(self.report, project, f"in project {each.key.text}")
        known = Resources(tree.get("vars"), raw, code_texts(raw, ("props", "function", "codeUri")))
        expander = Expander(self.report, names_1(known, self.root, self.choices))
        for name, project in raw.items():
            expander.scope = name
            expanded = expander.tree(project.without("actions"))
            if isinstance(expanded, Table):
                self._project(name, expanded)
        return self.tree()

    def _project(self, project: str, table: Table) -> None:
        component = table.get("component")
        if not isinstance(component, Scalar) or component.kind is Kind.NOTHING:
            self.report.add(table.place, f"component is missing in project {project}", "write component: fc")
            return
        given = table.get("props")
        function = given.get("function") if isinstance(given, Table) else None
        is_fc = is_component(component.text, "fc") or is_component(component.text, "fc-api")
        if not is_fc and not is_function(function, "name", "runtime", "handler"):
            self.report.warn(component.place, f"project {project} is left out: {quoted(component.text)} is no function")
            return
        props = self.table(table.get("props"), "props")
        if props is None:
            if is_nothing(table.get("props")):
                self.report.add(table.place, f"props is missing in project {project}")
            return
        where = f"in props of project {project}"
        self.entries(props, _PROPS, where)
        service, function = self.table(props.get("service"), "service"), self.table(props.get("function"), "function")
        name = self.name(service, "name", service.place, f"in service {where}") if service else None
        if service is None:
            if is_nothing(props.get("service")):
                self.report.add(props.place, f"service is missing {where}")
        elif name is not None:
            self._service(project, props, service, function, name)

    def _service(self, project: str, props: Table, service: Table, function: Table | None, name: Scalar) -> None:
        called = self.name(function, "name", function.place, f"in function of project {project}") if function else None
        whole = name.text if called is None else f"{name.text}/{called.text}"
        if not self.is_here(props.get("region"), whole, name.place):
            return
        kept: list[Entry] = []
        settings = self.entries(service, SERVICE, f"in service {name.text}", kept)
        self.service(name, [*settings, *kept_entry(kept, service.place)])
        if function is None or called is None:
            return
        own: list[Entry] = []
        made = function_entries(self, function, own, whole, RUNTIME)
        triggers = self._triggers(props, whole)
        if triggers:
            made.append(entry("triggers", Table(props.place, tuple(triggers.values()))))
        self.function(name.text, called, [*made, *kept_entry(own, function.place)])
        self._domains_of(props, (name.text, called.text))

    def _triggers(self, props: Table, whole: str) -> dict[str, Entry]:
        made: dict[str, Entry] = {}
        region = props.get("region")
        for node in self.items(props.get("triggers"), "triggers"):
            trigger = self.table(node, "triggers")
            name = self.name(trigger, "name", node.place, f"in a trigger of {whole}") if trigger else None
            kind = self.name(trigger, "type", node.place, f"in a trigger of {whole}") if trigger else None
            if trigger is None or name is None or kind is None:
                continue
            where = f"in trigger {name.text} of {whole}"
            more = self.entries(trigger, _TRIGGER, where)
            config = self.table(trigger.get("config"), "config") or Table(trigger.place, ())
            place = region.text if isinstance(region, Scalar) else ""
            made_one = trigger_entry(self, name, kind, config, more, where, place)
            add_trigger(self, made, made_one, f"of {whole}")
        return made

    def _domains_of(self, props: Table, own: tuple[str, str]) -> None:
        for node in self.items(props.get("customDomains"), "customDomains"):
            domain = self.table(node, "customDomains")
            name = self.name(domain, "domainName", node.place, "in a custom domain") if domain else None
            if domain is None or name is None:
                continue
            kept: list[Entry] = []
            settings = self.entries(domain, _DOMAIN, f"in custom domain {name.text}", kept)
            called = self._domain_name(name, own)
            for route in self.items(domain.get("routeConfigs"), "routeConfigs"):
                table = self.table(route, "routeConfigs")
                if table is not None:
                    self._add_route(called, [*settings, *kept_entry(kept, domain.place)], table, own)

    def _add_route(self, domain: Scalar, settings: list[Entry], route: Table, own: tuple[str, str]) -> None:
        where = f"in a route of {domain.text}"
        more = self.entries(route, _ROUTE, where)
        path = self.name(route, "path", route.place, where)
        if all(each.key.text != "methods" for each in more):
            methods = (text(route.place, method) for method in _METHODS)
            more.append(entry("methods", Items(route.place, tuple(methods))))
        if path is not None:
            value = route_value(route.get("functionName"), route.get("serviceName"), more, route.place, own)
            self.route(domain, settings, path, value)

    def _domain_name(self, name: Scalar, own: tuple[str, str]) -> Scalar:
        """ASSUMED: fcemu makes the name of an automatic domain of the function, the service, the account and the region
        (yaml-formats §2.1)."""
        if name.text.lower() != "auto":
            return name
        region = self._region.text if self._region is not None else "cn-hangzhou"
        return text(name.place, f"{own[1]}.{own[0]}.{self.account_id}.{region}.fc.devsapp.net".lower())
