"""``World`` has what all parts of an emulator share."""

from fcemu.core.catalog import Catalog
from fcemu.core.keys import Keys
from fcemu.core.settings import Settings
from fcemu.core.values import dataclass
from fcemu.engine.agenda import Agenda
from fcemu.engine.baton import Baton
from fcemu.engine.chance import Chance
from fcemu.engine.clock import Clock
from fcemu.engine.journal import Journal


@dataclass(frozen=True, slots=True)
class World:
    """The same for every part, from the beginning to the end. It knows no part."""

    settings: Settings
    clock: Clock
    baton: Baton
    catalog: Catalog
    chance: Chance
    keys: Keys
    journal: Journal
    agenda: Agenda
