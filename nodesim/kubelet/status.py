"""When does a kubelet post its node's status?

On a tick every 10.0-10.4 s, if something changed or the last report is 5 minutes old; and, from 1.26, as soon as the
node becomes ready.  Source: pkg/kubelet/kubelet_node_status.go `syncNodeStatus`, `updateNodeStatus`,
`tryUpdateNodeStatus`, `fastNodeStatusUpdate`; pkg/kubelet/kubelet.go `fastStatusUpdateOnce`.

How it works.  A sync is up to five tries without pause.  The first compares with the cached Node (before 1.31: with a
GET), the others with a GET; each ends in nothing to do or in a PATCH, and a failed call begins the next try.  So a
kubelet that is cut off repairs nothing that its watch has not shown it, and asks nothing either.

Ticks that would do nothing need no timer: their instants are drawn when they are needed (`_advance`), and a timer is
set for the first one that has something to do.  `skip_quiet=False` takes each of them; posts and draws are the same.
(An event of this machine at the very microsecond of a tick may fall on its other side.)

The fast path polls every 100 ms.  Where it waits for the sync's mutex in Kubernetes, it runs here when the sync ends.
Up to 1.25 it is one sync, once the Node has its pod CIDR; in clusters that hand out none it would never come, so there
it waits for the registration and for the node to be ready, instead.  A pod CIDR that the kubelet had not seen yet is a
change, which it posts (`updateNode`).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs

from nodesim.client.events import EventRecorder
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.kubelet.conditions import CSI_NODE_MISSING, NodeTruth, capacity_errors, next_conditions
from nodesim.kubelet.node_document import initial_node, machine_status
from nodesim.kubelet.nodestatus import StatusDraft, draft_status
from nodesim.machine import Answered, Call, CancelTimer, Record, SetTimer
from nodesim.messages import Get, Patch
from nodesim.objects import Document, encode_document, is_only_heartbeat
from nodesim.profiles import Profile, Settings
from nodesim.spec import NodeSpec
from nodesim.streams import Stream
from nodesim.units import MILLISECOND, SECOND

TRIES: Final = 5
"""nodeStatusUpdateRetry."""
FAST_PERIOD_US: Final = 100 * MILLISECOND
FAST_GRACE_US: Final = 120 * SECOND
"""nodeReadyGracePeriod: then the fast path gives up."""
CSI_NODE_DELAY_US: Final = 50 * MILLISECOND
"""How long after its registration a new node is ready (in Kubernetes a retry of the CSINode's creation)."""

TIMER: Final = "status"
FAST_TIMER: Final = "fast-status"
_GET: Final = ("status", "get")
_PATCH: Final = ("status", "patch")
_FAST_PATCH: Final = ("status", "fast-patch")

_BY_TICK: Final = "tick"
_BY_FAST_PATH: Final = "fast"

StatusEffect: TypeAlias = Call | SetTimer | CancelTimer


class StatusKeeper:
    """Posts one node's status; `ahead_us` is the part of its first pause that lies before the process began."""

    __slots__ = (
        "_agrees",
        "_ahead_us",
        "_armed_us",
        "_begun_us",
        "_busy_for",
        "_clock",
        "_delay_us",
        "_delays",
        "_events",
        "_fast_done",
        "_fast_waits",
        "_jitter_us",
        "_last_report_us",
        "_node",
        "_own",
        "_profile",
        "_ready_at_us",
        "_reboot_told",
        "_settings",
        "_skip_quiet",
        "_spec",
        "_tick_us",
        "_ticks",
        "_to_post",
        "_tries",
        "cached",
        "pod_cidrs",
        "truth",
    )

    def __init__(
        self,
        spec: NodeSpec,
        settings: Settings,
        profile: Profile,
        ticks: Stream,
        delays: Stream,
        events: EventRecorder,
        *,
        boot: int,
        skip_quiet: bool,
        ahead_us: int = 0,
        clock: Clock = TRUE_CLOCK,
    ) -> None:
        self._node = spec.name
        self._spec = spec
        self._settings = settings
        self._profile = profile
        self._events = events
        self._clock = clock
        self._ticks = ticks
        self._delays = delays
        self._jitter_us = max(1, settings.node_status_update_us * 4 // 100)
        self._ahead_us = ahead_us % settings.node_status_update_us
        self._skip_quiet = skip_quiet and profile.status_from_cache
        self._own = machine_status(spec, profile, boot)
        self._to_post = {key: part for key, part in self._own.items() if key != "addresses" or not spec.external_cloud}
        self.pod_cidrs: tuple[str, ...] = ()
        """The Node's blocks of addresses for pods, as the last sync saw them."""
        self._reboot_told = False
        self.truth = NodeTruth()
        self.cached: Document | None = None
        """The Node as the kubelet's watch has it."""
        self._agrees: Document | None = None
        """A Node that says just what is so; while `cached` is this one and `truth` the same, there is nothing to do."""
        self._begun_us = 0
        self._ready_at_us: int | None = None
        """When the registration's aftermath is over; None: not registered."""
        self._last_report_us: int | None = None
        self._delay_us = 0
        self._tick_us = 0
        """The next tick, as far as they were drawn."""
        self._armed_us: int | None = None
        self._busy_for = ""
        self._tries = 0
        self._fast_done = False
        self._fast_waits = False

    def __repr__(self) -> str:
        """Whose, and when its next known tick is."""
        return f"StatusKeeper({self._node!r}, tick_us={self._tick_us}, busy={bool(self._busy_for)})"

    # --- what happens to it -------------------------------------------------------------------------------------

    def begin(self, now_us: int) -> None:
        """The process starts; until it is registered nothing is posted."""
        self._begun_us = now_us

    def initial_node(self, now_us: int) -> Document:
        """The Node to register, with its conditions of this instant."""
        self._find_errors(now_us)
        conditions, _ = next_conditions([], self.truth, self._clock.wall_us(now_us))
        return initial_node(self._spec, {**self._own, "conditions": conditions})

    def registered(self, existed: bool, now_us: int) -> list[StatusEffect]:
        """The Node is in the API: the first sync follows at once."""
        self._ready_at_us = now_us if existed else now_us + CSI_NODE_DELAY_US
        self._tick_us = now_us
        effects = self._sync(_BY_TICK, now_us)
        if self._profile.status_fast_path:
            self._fast_waits = True
        else:
            polls = (now_us - self._begun_us) // FAST_PERIOD_US + 1
            effects.append(SetTimer(FAST_TIMER, self._begun_us + polls * FAST_PERIOD_US))
        return effects

    def changed(self, node: Document | None, now_us: int) -> list[StatusEffect]:
        """The watch shows another Node (None: it is gone)."""
        self.cached = node
        return self._arm(now_us)

    def fired(self, now_us: int) -> list[StatusEffect]:
        """A tick, or the instant from which a tick would do something."""
        self._armed_us = None
        if self._busy_for:
            return []  # The sync's end looks whether a tick passed.
        self._advance(now_us)
        if self._tick_us > now_us:
            return self._arm(now_us)
        return self._sync(_BY_TICK, now_us)

    def answered(self, event: Answered, now_us: int) -> list[StatusEffect]:
        """The answer to one of this keeper's calls."""
        if event.tag == _GET:
            if event.ok and event.document is not None:
                return self._decide(event.document, now_us)
        elif event.ok:
            self._last_report_us = now_us
            return self._end(now_us)
        elif event.tag == _FAST_PATCH:
            self._tries = 0  # Its Node was stale, perhaps; one whole sync instead.
            return self._try(now_us)
        self._tries += 1
        return self._try(now_us)

    # --- updateNodeStatus ---------------------------------------------------------------------------------------

    def _sync(self, by: str, now_us: int) -> list[StatusEffect]:
        self._busy_for = by
        self._tries = 0
        return self._try(now_us)

    def _try(self, now_us: int) -> list[StatusEffect]:
        if self._tries == 0 and self._profile.status_from_cache:
            if self.cached is not None:
                return self._decide(self.cached, now_us)
            self._tries = 1
        if self._tries >= TRIES:
            return self._end(now_us)
        return [Call(_GET, Get("nodes", "", self._node), self._settings.heartbeat_timeout_us)]

    def _decide(self, node: Document, now_us: int) -> list[StatusEffect]:
        draft = self._draft(node, now_us)
        self.pod_cidrs = _pod_cidrs(node)
        due_us = self._due_us()
        if not draft.changed and due_us is not None and now_us < due_us:
            return self._end(now_us)
        if draft.changed or due_us is None:
            report_us = self._settings.node_status_report_us
            jitter = self._profile.status_report_jitter
            self._delay_us = self._delays.below(report_us) - report_us // 2 if jitter else 0
        else:
            self._delay_us = 0
        return self._post(_PATCH, draft, now_us)

    def _post(self, tag: tuple[str, str], draft: StatusDraft, now_us: int) -> list[StatusEffect]:
        why = "first" if self._last_report_us is None else "changed" if draft.changed else "due"
        posted = Record("NodeStatusPosted", f"Node/{self._node}", {"why": why})
        request = Patch("nodes", "", self._node, "status", "strategic", encode_document(draft.patch), brief=True)
        # The events come behind it: in Kubernetes a goroutine of its own sends them.
        effects: list[StatusEffect] = [Call(tag, request, self._settings.heartbeat_timeout_us, posted)]
        if draft.rebooted and not self._reboot_told:
            self._reboot_told = True
            text = f"Node {self._node} has been rebooted, boot id: {self._own['nodeInfo']['bootID']}"
            effects.append(self._event("Warning", "Rebooted", text, now_us))
        for reason in draft.events:
            effects.append(self._event("Normal", reason, f"Node {self._node} status is now: {reason}", now_us))
        return effects

    def _event(self, type_: str, reason: str, message: str, now_us: int) -> Call:
        # The kubelet's events about its Node carry the node's name as uid.
        return self._events.event(now_us, "Node", "", self._node, self._node, type_, reason, message)

    def _end(self, now_us: int) -> list[StatusEffect]:
        """A sync is over: the next tick follows, or what waited for the mutex."""
        by_tick = self._busy_for == _BY_TICK
        self._busy_for = ""
        if by_tick:
            self._tick_us = now_us + self._period_us() - self._ahead_us
            self._ahead_us = 0
        elif self._tick_us <= now_us:
            return self._sync(_BY_TICK, now_us)
        if self._fast_waits:
            self._fast_waits = False
            return self.fast_fired(now_us)
        return self._arm(now_us)

    # --- the fast path ------------------------------------------------------------------------------------------

    def fast_fired(self, now_us: int) -> list[StatusEffect]:
        """Post at once if the node became ready; once per process."""
        if self._busy_for:
            self._fast_waits = True
            return []
        self._advance(now_us)
        if not self._profile.status_fast_path:
            return self._one_shot(now_us)
        if now_us - self._begun_us >= FAST_GRACE_US:
            self._fast_done = True
        ready = _ready_status(self.cached)
        if ready == "True":
            self._fast_done = True
        if self._fast_done:
            return self._arm(now_us)
        if self.cached is not None and ready:
            draft = self._draft(self.cached, now_us)
            self.pod_cidrs = _pod_cidrs(self.cached)
            if draft.changed and draft.ready:
                self._fast_done = True
                self._busy_for = _BY_FAST_PATH
                return self._post(_FAST_PATCH, draft, now_us)
        return [SetTimer(FAST_TIMER, now_us + FAST_PERIOD_US), *self._arm(now_us)]

    def _one_shot(self, now_us: int) -> list[StatusEffect]:
        without = self._settings.allocate_node_cidrs and not _pod_cidrs(self.cached)
        if self._ready_at_us is None or now_us < self._ready_at_us or without:
            return [SetTimer(FAST_TIMER, now_us + FAST_PERIOD_US), *self._arm(now_us)]
        return self._sync(_BY_FAST_PATH, now_us)

    # --- ticks --------------------------------------------------------------------------------------------------

    def _arm(self, now_us: int) -> list[StatusEffect]:
        """Set the timer for the first tick that has something to do."""
        if self._busy_for or self._ready_at_us is None:
            return []
        at_us = self._tick_us
        if self._skip_quiet:
            wake_us = self._wake_us(now_us)
            if wake_us <= now_us:
                self._advance(now_us)
                at_us = self._tick_us
            else:
                at_us = max(wake_us, self._tick_us)
        if at_us == self._armed_us:
            return []
        self._armed_us = at_us
        return [SetTimer(TIMER, at_us)]

    def _wake_us(self, now_us: int) -> int:
        """From when on a tick would do something, as far as is known now."""
        due_us = self._due_us()
        if self.cached is None or due_us is None:
            return now_us
        if not self._nothing_new(self.cached) and self._draft(self.cached, now_us).changed:
            return now_us
        assert self._ready_at_us is not None
        return min(due_us, self._ready_at_us) if now_us < self._ready_at_us else due_us

    def _nothing_new(self, node: Document) -> bool:
        """Says a Node the same as one that just said what is so?  Then it agrees, too, without a look at it."""
        agrees = self._agrees
        if agrees is not None and agrees is not node:
            self._agrees = node if is_only_heartbeat(agrees, node) else None
        return self._agrees is not None

    def _advance(self, now_us: int) -> None:
        """Draw the ticks that went by because they had nothing to do."""
        every_us = self._settings.node_status_update_us
        self._tick_us = self._ticks.walk(self._tick_us, every_us, self._jitter_us, now_us)

    def _period_us(self) -> int:
        return self._settings.node_status_update_us + self._ticks.below(self._jitter_us)

    def _due_us(self) -> int | None:
        """When the next report is due, whatever has changed; None: now, the first one."""
        if self._last_report_us is None:
            return None
        return self._last_report_us + self._settings.node_status_report_us + self._delay_us

    def _draft(self, node: Document, now_us: int) -> StatusDraft:
        self._find_errors(now_us)
        draft = draft_status(node, self._to_post, self.truth, self._clock.wall_us(now_us))
        if _pod_cidrs(node) not in ((), self.pod_cidrs):
            draft = attrs.evolve(draft, changed=True)
        settled = self._ready_at_us is not None and now_us >= self._ready_at_us
        self._agrees = node if settled and not draft.changed else None
        return draft

    def _find_errors(self, now_us: int) -> None:
        errors = [error for error in self.truth.errors if error != CSI_NODE_MISSING]
        if self._ready_at_us is None or now_us < self._ready_at_us:
            errors.append(CSI_NODE_MISSING)
        for error in capacity_errors(self._own["capacity"]):
            if error not in errors:
                errors.append(error)
        self.truth.errors = errors


def _ready_status(node: Document | None) -> str:
    """Status of the Ready condition, "" where there is none."""
    conditions = ((node or {}).get("status") or {}).get("conditions") or []
    return next((str(item.get("status", "")) for item in conditions if item.get("type") == "Ready"), "")


def _pod_cidrs(node: Document | None) -> tuple[str, ...]:
    """The Node's blocks of addresses for pods."""
    return tuple(((node or {}).get("spec") or {}).get("podCIDRs") or ())
