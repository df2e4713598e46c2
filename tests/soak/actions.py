"""What people and lamps do in a round: appear, go and come, associate against rivals, hand over, release, forget.

The lamps of a round that ask for resets, and the states that are requested of them, are in `resets` and `states`.
"""

import queue
import random
import threading
from collections.abc import Callable, Mapping, Sequence

from shared.protocol import payloads
from shared.protocol.payloads import Unassociated
from tests.soak.model import NOBODY, REFUSED, ModelLamp, Outcome
from tests.soak.operation import Operation
from tests.soak.resets import ResetsAtLamps
from tests.soak.rivals import Order, Rival, run_command
from tests.soak.states import StateRequests
from tests.soak.world import USERS, World
from tests.support.waiting import DEADLINE_SECONDS

REAL_LAMPS = 6
FLOODING = f"b827eb{REAL_LAMPS + 1:06x}"
"""The first of the pool's lamps."""

CODE_GIVEN = 12
"""Characters of a code that a rival types: enough that no other lamp's code begins alike."""


class Actions:
    """Draws what happens and hands it to lamps and rivals."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world = world
        self.lock = threading.RLock()
        self.changed = threading.Event()
        self.under_way = 0
        self.code_ttl = 0
        self.dice = dice
        self.resets = ResetsAtLamps(self)
        self.states = StateRequests(self)
        self._made = 0

    def appear(self, count: int) -> None:
        """Connect this many new lamps."""
        for _ in range(count):
            self._made += 1
            device_id = f"b827eb{self._made:06x}"
            self.world.model.lamps[device_id] = ModelLamp(
                device_id, real=self._made <= REAL_LAMPS, stock=self._made % 2 == 0
            )
        newest = list(self.world.model.lamps.values())[-count:] if count else []
        self._come_up(newest)

    def flood(self) -> None:
        """Have one lamp flood the broker, always the same."""
        lamp = self.world.model.lamps.get(FLOODING)
        if lamp is not None:
            self.world.pool.flood(lamp, self.world.broker.port)

    def go_and_come(self, count: int, most_up: int) -> None:
        """Have some lamps go and others come, and no more than so many be up."""
        self.world.pool.notice_losses()
        lamps = list(self.world.model.lamps.values())
        up = [lamp for lamp in lamps if lamp.up]
        down = [lamp for lamp in lamps if not lamp.up]
        self._go_down(self.dice.sample(up, min(len(up), count + max(0, len(up) - most_up))))
        self._come_up(self.dice.sample(down, min(len(down), count)))

    def use(self, count: int) -> None:
        """Have people do so many things with lamps."""
        lamps = self.dice.sample(list(self.world.model.lamps.values()), min(6 * count, len(self.world.model.lamps)))
        free = [lamp for lamp in lamps if not lamp.busy][:count]
        for lamp in free:
            admitted = lamp.admitted()
            if len(admitted) == 1 and NOBODY not in admitted:
                self.dice.choices([self._hand_over, self._release, self._forget, self._flurry], [3, 4, 1.5, 2])[0](lamp)
            else:
                self.dice.choices([self._race, self._forget, self._flurry], [7, 1, 2])[0](lamp)
        self.resets.step()
        self.states.step()

    def associate(self, lamps: Sequence[ModelLamp]) -> None:
        """Associate each of these lamps with a user, by its device id."""
        for number, lamp in enumerate(lamps):
            operation = self._begin(lamp, 1)
            order = Order("associate", lamp.device_id, self.dice.choice(USERS), None, operation.tell)
            self.world.rivals[number % len(self.world.rivals)].give(order)

    def say_again(self) -> None:
        """Have every lamp told again where it stands: many messages at once."""
        told = threading.Event()
        self.world.rivals[0].give(Order("say again", "", None, None, lambda _: told.set()))
        told.wait(DEADLINE_SECONDS)

    def race_by_command(self) -> None:
        """Have the command line take part in a race for one lamp."""
        free = [lamp for lamp in self.world.model.lamps.values() if not lamp.busy and self.code_shown(lamp)]
        if free:
            self._race(self.dice.choice(free), by_command=True)

    def finish(self, seconds: float) -> bool:
        """Wait for all calls that are under way; return whether they ended in time."""
        while self.under_way:
            self.changed.clear()
            if self.under_way and not self.changed.wait(seconds):
                return False
        return True

    def code_shown(self, lamp: ModelLamp) -> str | None:
        """Return the code on a lamp's screen; of a stock one, the six characters."""
        if lamp.stock:
            return self.popup(lamp) or None
        shown = payloads.decode_association(self.screen(lamp))
        return shown.code[:CODE_GIVEN] if isinstance(shown, Unassociated) else None

    def popup(self, lamp: ModelLamp) -> str | None:
        """Return what is in the popup of a stock lamp; None without one."""
        if not lamp.real:
            return self.world.pool.stock.popup(lamp.device_id)
        screen = self.world.real.stock.get(lamp.device_id)
        return screen.popup if screen is not None else None

    def look_up(self, lamps: Sequence[ModelLamp]) -> list[str]:
        """Return what the cloud doesn't find under the codes that these lamps show."""
        answers = self.ask_all("look up", [(lamp, None, self.code_shown(lamp)) for lamp in lamps])
        return [
            f"{lamp.device_id}: the code on its stock screen is refused: {answer.reason}"
            for lamp, answer in zip(lamps, answers, strict=True)
            if answer.result == REFUSED
        ]

    def ask_all(self, verb: str, asked: Sequence[tuple[ModelLamp, str | None, str | None]]) -> list[Outcome]:
        """Have one rival ask for each lamp, with a user and a code, and return the answers."""
        found: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self.world.rivals[0].give(*(Order(verb, lamp.device_id, user, code, found.put) for lamp, user, code in asked))
        return [found.get(timeout=DEADLINE_SECONDS) for _ in asked]

    def call(
        self,
        verb: str,
        lamp: ModelLamp,
        user: str | None,
        then: Callable[[Outcome], None],
        *,
        rival: Rival | None = None,
        details: Mapping[str, float] | None = None,
    ) -> None:
        """Have a rival do what changes no owner, beside whatever else happens to the lamp."""

        def tell(outcome: Outcome) -> None:
            with self.lock:
                self.world.model.count(lamp, outcome)
                then(outcome)
                self.under_way -= 1
            self.changed.set()

        with self.lock:
            self.under_way += 1
        (rival or self.dice.choice(self.world.rivals)).give(
            Order(verb, lamp.device_id, user, None, tell, details or {})
        )

    def change_owner(self, lamp: ModelLamp, rival: Rival | None = None) -> None:
        """Have a lamp released, by this rival if one is given, or handed over."""
        if self.dice.random() < 0.5:
            self._hand_over(lamp)
        else:
            self._side_by_side(lamp, "release", [rival or self.dice.choice(self.world.rivals)])

    def screen(self, lamp: ModelLamp) -> bytes:
        return (self.world.real if lamp.real else self.world.pool).show(lamp.device_id)

    def _come_up(self, lamps: Sequence[ModelLamp]) -> None:
        self.world.pool.come_up(lamp for lamp in lamps if not lamp.real)
        for lamp in lamps:
            if lamp.real:
                self.world.real.come_up(lamp)

    def _go_down(self, lamps: Sequence[ModelLamp]) -> None:
        self.world.pool.go_down(lamp for lamp in lamps if not lamp.real)
        for lamp in lamps:
            if lamp.real:
                self.world.real.go_down(lamp)

    def _race(self, lamp: ModelLamp, by_command: bool = False) -> None:
        code = self.code_shown(lamp)
        if code is None:
            return
        users = self.dice.sample(USERS, self.dice.randint(2, 4))
        operation = self._begin(lamp, len(users))
        orders = [Order("associate", lamp.device_id, user, code, operation.tell) for user in users]
        if by_command:
            run_command(self.world.program("cloud"), self.world.environment, orders.pop())
        for rival, order in zip(self._rivals(len(orders)), orders, strict=True):
            rival.give(order)

    def _release(self, lamp: ModelLamp) -> None:
        self._side_by_side(lamp, "release", self._rivals(self.dice.randint(1, 2)))

    def _hand_over(self, lamp: ModelLamp) -> None:
        """Have a lamp offered, and the offer taken by users side by side, and by others once it is used."""
        users = self.dice.sample(USERS, self.dice.choice([4, 6]))
        rivals = self._rivals(len(users) // 2)
        taking = self._begin(lamp, len(users))

        def offered(outcome: Outcome) -> None:
            takes = [Order("take", lamp.device_id, user, outcome.offer, taking.tell) for user in users]
            if outcome.offer is None:  # nothing was offered, or the caller died before it said so
                for take in takes:
                    taking.tell(take.outcome(REFUSED, "NotOffered", None))
                return
            for number, rival in enumerate(rivals):
                rival.give(*takes[number :: len(rivals)])

        self._rivals(1)[0].give(Order("offer", lamp.device_id, None, None, offered))

    def _forget(self, lamp: ModelLamp) -> None:
        self._side_by_side(lamp, "forget", self._rivals(1))

    def _side_by_side(self, lamp: ModelLamp, verb: str, rivals: Sequence[Rival]) -> None:
        operation = self._begin(lamp, len(rivals))
        for rival in rivals:
            rival.give(Order(verb, lamp.device_id, None, None, operation.tell))

    def _flurry(self, lamp: ModelLamp) -> None:
        """Change one lamp several times within moments: what is said of it is overtaken while it is under way."""
        verbs = ["associate", "release"] * self.dice.randint(1, 3) + ["associate"]
        self._begin(lamp, 1)
        orders = []
        for number, verb in enumerate(verbs, 1):
            user = self.dice.choice(USERS) if verb == "associate" else None
            step = Operation(self, lamp, 1, last=number == len(verbs))
            orders.append(Order(verb, lamp.device_id, user, None, step.tell))
        self._rivals(1)[0].give(*orders)

    def _begin(self, lamp: ModelLamp, expected: int) -> Operation:
        with self.lock:
            lamp.busy = True
            self.under_way += 1
        return Operation(self, lamp, expected)

    def _rivals(self, count: int) -> list[Rival]:
        return self.dice.sample(self.world.rivals, count)
