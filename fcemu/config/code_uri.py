"""Where the code of a function of a foreign format is."""

from fcemu.config.files import OSS
from fcemu.config.problems import Report
from fcemu.config.translate import entry, is_nothing, loose
from fcemu.config.tree import Entry, Scalar, Table, found, is_refused


def local_code(report: Report, table: Table, key: str) -> list[Entry]:
    """``code`` in native form from a path, or from ``{src, ossBucketName, …}``; nothing where none is said."""
    each = table.entry(key)
    if each is None or is_nothing(each.value):
        return []
    node = each.value
    if isinstance(node, Table):
        source = node.get("src")
        if source is None or is_nothing(source):
            source = Scalar(each.key.place, OSS)
        node = source
    if is_refused(node):
        return []
    if not isinstance(node, Scalar):
        report.add(node.place, f"expected a path, found {found(node)}", key=key)
        return []
    return [entry("code", loose(node), each.key)]
