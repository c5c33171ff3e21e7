"""Broken files: each is refused at once, with its faults' places and hints, and never with a traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from nodesim.errors import ExitCode
from nodesim.scenario.faults import FAULTS_MAX, ScenarioError
from nodesim.scenario.load import load_scenario

BROKEN = Path(__file__).parent.parent / "data" / "broken"

HEAD = "apiVersion: nodesim.dev/v1alpha1\nkind: Scenario\nmetadata: {name: broken}\nspec:\n"

FILES: tuple[tuple[str, int, str], ...] = (
    ("empty.yaml", 1, "the file is empty"),
    ("only-comments.yaml", 1, "the file is empty"),
    ("a-list.yaml", 1, "expected a scenario"),
    ("a-word.yaml", 1, "expected a scenario"),
    ("two-documents.yaml", 9, "a second document begins here"),
    ("unclosed-bracket.yaml", 6, "not YAML"),
    ("tab-indent.yaml", 5, "indent with blanks, not tabs"),
    ("unclosed-quote.yaml", 6, "not YAML"),
    ("bad-indent.yaml", 6, "check the indentation"),
    ("wrong-api-version.yaml", 1, "did you mean 'nodesim.dev/v1alpha1'"),
    ("wrong-kind.yaml", 2, "did you mean 'Scenario'"),
    ("no-name.yaml", 3, "'name' is missing"),
    ("no-spec.yaml", 1, "'spec' is missing"),
    ("typo-of-spec.yaml", 4, "unknown key 'sepc', did you mean 'spec'?"),
    ("duplicate-key.yaml", 9, "key 'seed' stands here twice, first at line 8"),
    ("duplicate-key-deep.yaml", 9, "key 'nodes' stands here twice"),
    ("number-key.yaml", 8, 'a key must be a string: write "1"'),
    ("list-key.yaml", 9, "a key must be a word"),
    ("merge-key.yaml", 9, "merge keys (<<)"),
    ("cyclic-alias.yaml", 9, "alias *loop stands inside what it names"),
    ("unknown-alias.yaml", 8, "alias *nowhere names no anchor"),
    ("unknown-tag.yaml", 8, "unknown tag '!dice'"),
    ("python-tag.yaml", 8, "unknown tag"),
    ("tag-against-value.yaml", 8, "is not what its tag !!int says"),
    ("tag-directive.yaml", 1, "%TAG directives are not used here"),
    ("alias-bomb.yaml", 13, "more than 60000 values"),
    ("alias-ladder.yaml", 70, "nested deeper than 64 levels by alias"),
    ("deep-nesting.yaml", 8, "nested deeper than 64 levels"),
    ("infinite-number.yaml", 8, "not a number that JSON has"),
    ("number-beyond-64-bits.yaml", 8, "does not fit into 64 bits"),
    ("huge-exponent.yaml", 8, "too long or too large"),
    ("control-character.yaml", 4, "control character U+0007"),
    ("seed-is-word.yaml", 8, "expected a whole number such as 3, got 'seven'"),
    ("seed-negative.yaml", 8, "must be from 0 to"),
    ("seed-is-true.yaml", 8, "got true"),
    ("duration-without-unit.yaml", 5, "does 600s or 600ms mean it?"),
    ("duration-zero.yaml", 5, "must be at least 1us"),
    ("duration-two-years.yaml", 5, "must be at most 8784h"),
    ("duration-negative.yaml", 5, "not a duration"),
    ("start-within-negative.yaml", 8, "not a duration"),
    ("start-within-day.yaml", 8, "must be at most 1h"),
    ("realtime-slack-zero.yaml", 8, "must be at least 1ms"),
    ("realtime-slack-hour.yaml", 8, "must be at most 1m"),
    ("realtime-slack-number.yaml", 8, "does 100s or 100ms mean it?"),
    ("profile-unknown.yaml", 8, "did you mean 'v1.36'?"),
    ("pod-gate-no-name.yaml", 11, "'name' is missing"),
    ("setting-event-ttl.yaml", 8, "must be at least 1s"),
    ("setting-unknown.yaml", 8, "did you mean 'nodeMonitorGracePeriod'?"),
    ("setting-zero-period.yaml", 8, "must be at least 100ms"),
    ("setting-threshold.yaml", 8, "must be from 0 to 1"),
    ("manifest-service-port.yaml", 11, "got 'http'"),
    ("manifest-budget-both.yaml", 11, "minAvailable and maxUnavailable exclude each other; keep one"),
    ("manifest-budget-half.yaml", 11, "a percentage such as 50%, got 'half'"),
    ("setting-eviction-mode-gone.yaml", 6, "not in profile v1.36: 1.27 took it away; say profile: v1.24"),
    ("setting-eviction-mode-word.yaml", 6, "did you mean 'taint-based'?"),
    ("leader-no-standby.yaml", 7, "kube-controller-manager-2 does not run here: say settings: {leaderElect: true}"),
    ("leader-one-controller.yaml", 8, "a controller lives and dies with its manager; name kube-controller-manager"),
    ("leader-at-a-call.yaml", 8, "not killed at a call"),
    ("leader-word.yaml", 6, "expected true or false"),
    ("switch-unknown.yaml", 6, "unknown key 'liveLeaseChek', did you mean 'liveLeaseCheck'?"),
    ("switch-word.yaml", 6, "expected true or false"),
    ("setting-qps-word.yaml", 6, "expected calls per second such as 20, got 'fast'"),
    ("setting-burst-zero.yaml", 6, "must be from 1 to"),
    ("setting-rate-fine.yaml", 8, "at most 3 decimal places"),
    ("setting-seconds-with-unit.yaml", 8, "whole seconds without a unit"),
    ("spec-later-key.yaml", 8, "unknown key 'workloads'"),
    ("node-name-capital.yaml", 8, "not a name: 'Worker'"),
    ("node-made-twice.yaml", 8, "node 'worker-2' is already made by the template at line 7"),
    ("node-count-word.yaml", 8, "expected a whole number"),
    ("node-count-huge.yaml", 8, "must be from 0 to 100000"),
    ("node-total-huge.yaml", 8, "more than 100000 nodes in all"),
    ("node-quantity.yaml", 8, "not a quantity: '16Gib'"),
    ("node-half-pods.yaml", 8, "pods must be a whole number"),
    ("node-zero-cpu.yaml", 8, "cpu must be more than 0"),
    ("node-label-number.yaml", 8, 'write "12" in quotes'),
    ("node-taint-effect.yaml", 8, "did you mean 'NoExecute'?"),
    ("node-unknown-key.yaml", 8, "did you mean 'count'?"),
    ("container-later-key.yaml", 9, "does not have 'memory' yet"),
    ("container-exit-code.yaml", 9, "must be from 0 to 255"),
    ("network-no-latency.yaml", 8, "must be at least 1us"),
    ("link-loss-150.yaml", 10, "must be between 0 and 100 %, got 150 %"),
    ("link-loss-bare.yaml", 10, "with its %"),
    ("link-unknown-end.yaml", 10, "expected control-plane or nodes"),
    ("link-unknown-zone.yaml", 10, "no node of spec.nodes is in zone 'b'; zones: a"),
    ("link-both-control-plane.yaml", 10, "both ends are the control plane"),
    ("link-changes-nothing.yaml", 10, "changes nothing"),
    ("step-unknown-verb.yaml", 9, "unknown step 'partitoin', did you mean 'cut'?"),
    ("step-later-verb.yaml", 9, "does not have the step 'stray' yet"),
    ("step-synonym.yaml", 9, "unknown step 'stall', did you mean 'hold'?"),
    ("step-percent-sign.yaml", 9, "got '30%'; write it without the sign"),
    ("step-percent-zero.yaml", 9, "must be more than 0: nobody would be meant"),
    ("step-percent-150.yaml", 9, "must be from 0 to 100, got 150"),
    ("step-percent-word.yaml", 9, "expected a number of percent such as 30, got 'many'"),
    ("step-for-word.yaml", 9, "not a duration: 'ever'"),
    ("step-for-zero.yaml", 9, "must be at least 1us"),
    ("step-for-no-opposite.yaml", 9, "nothing undoes 'delete', so it has no 'for'; these have: cut, heal, hold"),
    ("step-for-past-the-end.yaml", 9, "would be undone at 11m, after the end of the run (10m)"),
    ("step-for-longer-than-every.yaml", 9, "lasts 1m but comes again after 1m; 'for' must be shorter than 'every'"),
    (
        "step-for-overlaps.yaml",
        10,
        "at 2m it changes what the step at line 9 holds for node worker-1 from 1m to 3m; a step with 'for' must end",
    ),
    ("step-for-overlaps-percent.yaml", 10, "what the step at line 9 holds for node worker-1 from 4m to 5m"),
    ("step-every-zero.yaml", 9, "must be at least 1us"),
    ("step-every-never-again.yaml", 9, "never comes again: its second time would end after the end of the run (10m)"),
    ("step-every-too-often.yaml", 9, "comes 540000 times, at most 10000 are allowed"),
    ("step-until-alone.yaml", 9, "'until' goes with 'every' only"),
    ("step-until-past-the-end.yaml", 9, "must be at most 10m, got 11m"),
    ("step-until-before-at.yaml", 9, "must be at least 5m, got 4m"),
    ("step-until-with-times.yaml", 9, "leave out until or times"),
    ("step-times-one.yaml", 9, "must be from 2 to 10000, got 1"),
    ("step-times-past-the-end.yaml", 9, "its last time would end at 10m10s, after the end of the run (10m)"),
    ("step-touches-too-much.yaml", 9, "mean a node 1500000 times so far; at most 200000"),
    ("step-duplicate-missing.yaml", 9, "'duplicate' is missing: expected a percentage such as 1%"),
    ("step-hold-mode.yaml", 9, "unknown key 'mode'"),
    ("link-between-nodes.yaml", 10, "both ends are nodes, which send each other nothing yet"),
    ("link-duplicate-bare.yaml", 10, "with its %"),
    ("actor-no-name.yaml", 9, "'name' is missing: expected a name such as my-controller"),
    ("actor-taken-name.yaml", 9, "'scheduler' is one of nodesim's own actors"),
    ("actor-twice.yaml", 10, "actor 'mine' is already at line 9"),
    ("actor-run-path.yaml", 9, "expected package.module:function, got './mine.py'"),
    ("actor-run-no-function.yaml", 9, "expected package.module:function, got 'a.b'"),
    ("actor-run-call.yaml", 9, "expected package.module:function"),
    ("actor-unknown-node.yaml", 9, "no node 'wroker-1', did you mean 'worker-1'?"),
    ("actor-unknown-key.yaml", 9, "unknown key 'runs', did you mean 'run'?"),
    (
        "actors-is-a-word.yaml",
        8,
        "expected a list of actors such as [{name: my-controller, run: package.module:function}]",
    ),
    ("component-unknown.yaml", 9, "no component 'node-controler', did you mean 'node-controller'?"),
    ("component-missing.yaml", 9, "'component' is missing: expected a component such as node-controller"),
    ("component-and-nodes.yaml", 9, "names a component and nodes (nodes); write one step for each"),
    ("component-cut-apiserver.yaml", 9, "the API server is at the other end of every connection"),
    ("clock-nothing.yaml", 7, "does nothing to the clock: give offset, step or drift"),
    ("clock-offset-and-step.yaml", 7, "sets the clock (offset) and moves it (step); leave one out"),
    ("clock-bad-offset.yaml", 7, "not a duration such as 1h or -90s: 'minus one hour'"),
    ("clock-drift-wild.yaml", 7, "must be from -100000 to 100000"),
    ("clock-unknown-key.yaml", 7, "unknown key 'ofset', did you mean 'offset'?"),
    ("clock-of-an-actor.yaml", 8, "probe is handed the run's time and has no clock"),
    ("clock-for-overlaps.yaml", 8, "it changes what the step at line 7 holds for node w-0 from 1m to 3m"),
    ("node-clock-empty.yaml", 5, "says nothing of the clock: give offset, drift or both"),
    ("node-clock-offset.yaml", 5, "not a duration such as 1h or -90s: '1 hour'"),
    ("component-lag-apiserver.yaml", 9, "the API server is at the other end of every connection"),
    ("component-hold.yaml", 9, "unknown key 'component'"),
    ("lag-without-by.yaml", 9, "'by' is missing"),
    ("crash-two-ways.yaml", 9, "says when in several ways (afterCalls, beforeCall); leave all but one out"),
    ("crash-after-no-calls.yaml", 9, "must be from 1 to"),
    ("crash-no-call.yaml", 9, "says no call: expected a call such as {verb: update, resource: pods/status}"),
    ("crash-unknown-verb.yaml", 9, "'post'"),
    ("crash-unknown-resource.yaml", 9, "unknown resource 'pod', did you mean 'pods'?"),
    ("crash-unknown-subresource.yaml", 9, "unknown subresource 'bind', did you mean 'binding'?"),
    ("crash-server-at-call.yaml", 9, "the API server answers calls and makes none; leave 'afterCalls' out"),
    ("crash-manager-at-call.yaml", 9, "whose call? name one of its controllers; leave 'afterCalls' out"),
    ("crash-for-overlaps-member.yaml", 10, "what the step at line 9 holds for component node-controller from 1m to 3m"),
    ("crash-for-overlaps.yaml", 10, "it changes what the step at line 9 holds for component scheduler from 1m to 3m"),
    ("step-without-time.yaml", 9, "'at' is missing"),
    ("step-without-verb.yaml", 9, "does nothing"),
    ("step-two-verbs.yaml", 9, "does several things (cut, heal)"),
    ("step-unknown-node.yaml", 9, "no node 'wroker-1', did you mean 'worker-1'?"),
    ("step-nodes-is-word.yaml", 9, "expected a list of nodes"),
    ("step-no-target.yaml", 9, "says no nodes"),
    ("step-two-targets.yaml", 9, "says nodes in several ways"),
    ("step-labels-match-nobody.yaml", 9, "no node of spec.nodes has the labels"),
    ("step-bad-mode.yaml", 9, "did you mean 'drop'?"),
    ("step-bad-direction.yaml", 9, "known: both, to-control-plane, from-control-plane"),
    ("step-after-the-end.yaml", 9, "11m is after the end of the run (10m)"),
    ("steps-out-of-order.yaml", 10, "out of order: 2m comes before the step above (3m)"),
    ("steps-is-a-mapping.yaml", 8, "expected a list of steps"),
    ("step-delete-nothing.yaml", 9, "names no object"),
    ("step-delete-cascade.yaml", 9, "did you mean 'foreground'?"),
    ("step-force-with-grace.yaml", 9, "contradict each other"),
    ("step-scale-negative.yaml", 9, "must be from 0 to"),
    ("step-label-nothing.yaml", 9, "changes nothing"),
    ("step-taint-without-effect.yaml", 9, "expected a taint such as"),
    ("step-apply-nothing.yaml", 9, "applies nothing"),
    ("expect-unknown-node.yaml", 9, "no node 'worker-7'"),
    ("expect-window-reversed.yaml", 9, "ends (3m) before it begins (4m)"),
    ("expect-window-of-one.yaml", 9, "expected a window such as [2m, 3m], got 1 times"),
    ("expect-no-time.yaml", 9, "does not say when"),
    ("expect-two-times.yaml", 9, "says when in several ways (at, by)"),
    ("expect-always-false.yaml", 9, "expected always: true, or never: true"),
    ("expect-from-with-at.yaml", 9, "'from' goes with always and never only"),
    ("expect-until-before-from.yaml", 9, "ends (1m) before it begins (2m)"),
    ("expect-no-subject.yaml", 9, "is about nothing"),
    ("expect-two-subjects.yaml", 9, "is about several things (node, pod)"),
    ("expect-wrong-claim.yaml", 9, "'phase' does not go with 'node'"),
    ("expect-unknown-condition.yaml", 9, "did you mean 'Ready'?"),
    ("expect-unknown-status.yaml", 9, "unknown status 'Maybe'"),
    ("expect-unknown-phase.yaml", 9, "did you mean 'Running'?"),
    ("expect-comparison.yaml", 9, 'expected a comparison such as ">= 2"'),
    ("expect-half-a-pod.yaml", 9, "only whole numbers count"),
    ("expect-unknown-figure.yaml", 9, "did you mean 'ghost_pod_seconds'?"),
    ("expect-figure-too-fine.yaml", 9, "at most 3 decimal places"),
    ("expect-ledger-at.yaml", 9, "the ledger is judged at the run's end"),
    ("expect-unknown-invariant.yaml", 9, "did you mean 'at-most-one-per-identity'?"),
    ("expect-unknown-profile.yaml", 9, "unknown word 'v1.35'"),
    ("expect-unknown-key.yaml", 9, "unknown key 'befor'"),
    ("expect-event-object.yaml", 9, "expected an object such as Node/worker-1"),
    ("expect-after-ledger.yaml", 9, "does not become true at an instant"),
    ("manifest-missing-file.yaml", 9, "cannot read the file"),
    ("manifest-is-itself.yaml", 9, "leads back to this scenario"),
    ("manifest-is-itself-roundabout.yaml", 9, "leads back to this scenario"),
    ("manifest-absolute.yaml", 9, "leaves the scenario's surroundings"),
    ("manifest-far-away.yaml", 9, "leaves the scenario's surroundings"),
    ("manifest-is-folder.yaml", 9, "this is a folder"),
    ("manifest-no-kind.yaml", 9, "'kind' is missing"),
    ("manifest-no-name.yaml", 9, "'name' is missing"),
    ("manifest-bad-name.yaml", 9, "not a name"),
    ("manifest-small-kind.yaml", 9, "did you mean 'Pod'?"),
    ("manifest-wrong-version.yaml", 9, "Pod is of apiVersion v1"),
    ("manifest-twice.yaml", 13, "is already made at"),
    ("pod-no-containers.yaml", 12, "'containers' is missing (is 'contianers' meant to be it?)"),
    ("pod-no-image.yaml", 12, "'image' is missing"),
    ("pod-container-twice.yaml", 12, "container 'c' stands here twice"),
    ("pod-bad-quantity.yaml", 12, "not a quantity: '5x'"),
    ("pod-toleration-seconds.yaml", 12, "expected a whole number"),
    ("pod-toleration-effect.yaml", 12, "tolerationSeconds goes with effect: NoExecute only"),
    ("pod-toleration-value.yaml", 12, "operator: Exists means any value"),
    ("pod-node-name-list.yaml", 12, "expected a node's name such as worker-1, got a list"),
    ("pod-annotation.yaml", 11, "not a duration: 'nevr'"),
    ("replicaset-selector.yaml", 13, "does not match the template's labels"),
    ("replicaset-replicas.yaml", 13, "expected a whole number such as 3, got '3'"),
    ("deployment-surge.yaml", 14, "expected a number such as 2 or a percentage such as 50%, got '25'"),
    ("deployment-unavailable.yaml", 14, "must be at most 100%, got '101%'"),
    ("deployment-both-zero.yaml", 14, "no pod could ever be replaced"),
    ("deployment-strategy.yaml", 14, "did you mean 'RollingUpdate'?"),
    ("deployment-recreate-rolling.yaml", 14, "means nothing with the type Recreate"),
    ("deployment-deadline.yaml", 15, "must be more than minReadySeconds (30), got 30"),
    ("deployment-restart-policy.yaml", 14, "pods of a Deployment are always started again"),
    ("statefulset-policy.yaml", 14, "did you mean 'Parallel'?"),
    ("statefulset-on-delete.yaml", 14, "means nothing with the type OnDelete"),
    ("statefulset-partition.yaml", 14, "must be from 0 to"),
    ("statefulset-unavailable.yaml", 14, "maxUnavailable must be more than 0"),
    ("daemonset-replicas.yaml", 14, "one pod on each node that it fits; leave replicas out"),
    ("daemonset-on-delete.yaml", 14, "means nothing with the type OnDelete"),
    ("daemonset-strategy.yaml", 14, "did you mean 'OnDelete'?"),
    ("daemonset-both.yaml", 14, "maxUnavailable (1 where absent): one of them has to be 0"),
    ("daemonset-neither.yaml", 14, "one of them has to be more than 0"),
    ("job-parallelism.yaml", 13, "must be from 0 to"),
    ("job-mode.yaml", 13, "did you mean 'Indexed'?"),
    ("job-indexed.yaml", 13, "an Indexed Job needs completions"),
    ("job-policy.yaml", 13, "unknown word 'fast'; known: TerminatingOrFailed, Failed"),
    ("job-restart.yaml", 13, "pods of a Job need restartPolicy: OnFailure or Never"),
    ("job-always.yaml", 13, "pods of a Job end"),
    ("setting-cidr-missing.yaml", 6, "allocateNodeCIDRs needs clusterCIDR"),
    ("setting-cidr-not-a-network.yaml", 6, "not a range such as 10.244.0.0/16"),
    ("setting-cidr-one-family-twice.yaml", 6, "must be one of IPv4 and one of IPv6"),
    ("setting-cidr-block-too-large.yaml", 6, "must have from 16 to 32 bits of mask, got 12"),
    ("setting-cidr-too-many-blocks.yaml", 6, "must have from 40 to 56 bits of mask, got 64"),
    ("setting-cidr-one-size-for-two.yaml", 6, "use nodeCIDRMaskSizeIPv4 and nodeCIDRMaskSizeIPv6"),
    ("setting-cidr-without-allocate.yaml", 6, "has no effect without allocateNodeCIDRs: true"),
    ("setting-cidr-yes.yaml", 6, "expected true or false, got 'yes'"),
    ("component-asleep.yaml", 7, "node-ipam-controller does not run here: say settings: {allocateNodeCIDRs: true"),
    ("expect-pod-cidr.yaml", 7, "not a network such as 10.244.1.0/24: '10.244.0.0/33'"),
    ("cloud-word.yaml", 6, "expected a cloud such as {provider: aws, region: eu-1}, got 'aws'"),
    ("cloud-unknown-key.yaml", 6, "unknown key 'provder', did you mean 'provider'?"),
    ("cloud-provider.yaml", 6, "not a provider's name such as aws: 'a b'"),
    ("cloud-region.yaml", 6, "not a word such as eu-1, as labels have them: 'eu/1'"),
    ("cloud-quota.yaml", 6, "must be from 0 to 1000000, got -1"),
    ("cloud-missing.yaml", 7, "'terminate-instance' is about a cloud: say cloud: {} beside nodes"),
    ("cloud-api-of-nodes.yaml", 8, "unknown key 'nodes'"),
    ("cloud-api-overlaps.yaml", 9, "holds for the cloud's API from 1m to 2m"),
    ("cloud-instance-overlaps.yaml", 9, "holds for node worker-1 from 1m to 2m"),
    ("cloud-component-asleep.yaml", 7, "cloud-controller-manager does not run here: say cloud: {} beside nodes"),
    ("cloud-routes-asleep.yaml", 8, "route-controller does not run here"),
    ("cloud-manager-at-call.yaml", 8, "whose call? name one of its controllers"),
    ("expect-workload-kind.yaml", 9, "unknown kind of workload 'Deploymnt', did you mean 'Deployment'?"),
    ("expect-workload-name.yaml", 9, "expected a workload such as Deployment/web"),
    ("expect-workload-key.yaml", 9, "unknown status 'readyReplicas', did you mean 'ready_replicas'?"),
    ("expect-workload-nothing.yaml", 9, "claims nothing: expected what it shows"),
    ("expect-workload-number.yaml", 9, "many"),
    ("expect-workload-claim.yaml", 9, "'ready' does not go with 'workload': use shows"),
    ("lease-with-date.yaml", 9, "dates are not read"),
    ("list-without-items.yaml", 9, "'items' is missing"),
)
"""File, line of its fault, part of the message."""

MADE: dict[str, tuple[bytes, str]] = {
    "a million digits": (HEAD.encode() + b"  seed: " + b"9" * 10**6, "(1000000 digits) does not fit into 64 bits"),
    "a million hexadecimal digits": (HEAD.encode() + b"  seed: 0x" + b"f" * 10**6, "does not fit into 64 bits"),
    "a million decimal places": (HEAD.encode() + b"  seed: 0." + b"1" * 10**6, "too long or too large"),
    "a duration of a million digits": (HEAD.encode() + b"  duration: " + b"9" * 10**6 + b"s", "not a duration"),
    "a million brackets": (b"[" * 10**6, "nested deeper than 64 levels"),
    "half a million dashes": (b"- " * 500_000, "nested deeper than 64 levels"),
    "half a million ones": (b"[" + b"1," * 500_000 + b"]", "more than 60000 values"),
    "many duplicate keys": (b"a: 1\n" * 150_000, "stands here twice"),
    "many aliases": (b"- &a x\n" + b"- *a\n" * 150_000, "more than 60000 values"),
    "many documents": (b"---\n" * 250_000, "more than 60000 values"),
    "many tag directives": (
        b"".join(b"%%TAG !t%d! tag:x\n" % n for n in range(40_000)) + b"--- a\n",
        "%TAG directives are not used here",
    ),
    "zeros": (bytes(100_000), "control character U+0000"),
    "a gzip file": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "is not UTF-8 text"),
    "UTF-16": ("apiVersion: x".encode("utf-16"), "byte 0xff is not UTF-8 text"),
    "a word in Latin-1": (HEAD.encode() + b"  seed: caf\xe9\n", "byte 0xe9 is not UTF-8 text"),
    "more than a MiB": (b"#" * (1024 * 1024 + 1), "larger than 1048576 bytes"),
}


def faults_of(path: Path) -> ScenarioError:
    """The error of a file, which must come in under a second."""
    began = time.process_time()
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert time.process_time() - began < 1
    return caught.value


@pytest.mark.parametrize(("name", "line", "part"), FILES, ids=[name for name, _, _ in FILES])
def test_a_broken_file_is_refused_with_place_and_hint(name: str, line: int, part: str) -> None:
    """Each broken file's fault names the file, the line and what to do, in under a second."""
    error = faults_of(BROKEN / name)
    found = [(fault.line, fault.message) for fault in error.faults]
    assert any(at == line and part in message for at, message in found), str(error)
    assert all(fault.path == str(BROKEN / name) and fault.column > 0 for fault in error.faults)


def test_every_broken_file_is_in_the_table() -> None:
    """No file of the folder goes untested."""
    assert {path.name for path in BROKEN.iterdir()} == {name for name, _, _ in FILES} | {"ten-faults.yaml"}


def test_ten_faults_are_named_at_once() -> None:
    """A file with ten faults yields ten lines in the file's order, each with line, column, path and hint."""
    path = BROKEN / "ten-faults.yaml"
    error = faults_of(path)
    assert error.exit_code is ExitCode.BAD_INPUT
    rest = [
        "3:18: metadata.name: not a name: 'Ten_Faults';"
        " small letters, digits, '-' and '.', at most 253, such as worker-1",
        "5:9: spec.seed: expected a whole number such as 3, got 'seven'",
        "6:13: spec.duration: not a duration: '20'; write it like 5m30s, 250ms or 1h: does 20s or 20ms mean it?",
        "7:14: spec.settings: unknown key 'nodeMonitorGracePeroid', did you mean 'nodeMonitorGracePeriod'?",
        "9:51: spec.nodes[0].capacity.memory: not a quantity: '16Gib'; write it like 500m, 4 or 16Gi",
        "10:22: spec.network.latency: must be at least 1us, got 0s",
        "12:16: spec.steps[0]: unknown step 'partitoin', did you mean 'cut'?",
        "13:12: spec.steps[1].at: out of order: 2m comes before the step above (3m); sort the steps by time",
        "13:31: spec.steps[1].heal.nodes[0]: no node 'wroker-1', did you mean 'worker-1'?",
        "15:61: spec.expect[0].within: ends (3m) before it begins (4m)",
    ]
    assert str(error).splitlines() == [f"{path}:{each}" for each in rest]


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_a_monstrous_file_is_refused_fast(name: str, tmp_path: Path) -> None:
    """Bombs, binaries and giants are refused in under a second, too large to be kept in the repository."""
    content, part = MADE[name]
    path = tmp_path / "made.yaml"
    path.write_bytes(content)
    error = faults_of(path)
    assert part in str(error)
    assert all(fault.line > 0 and fault.path == str(path) for fault in error.faults)


def test_faults_end_at_a_hundred(tmp_path: Path) -> None:
    """After a hundred faults the reading stops, and the last line says that there are more."""
    path = tmp_path / "many.yaml"
    path.write_text(HEAD + "  nodes: [{name: w}]\n  steps:\n" + "    - {at: 1m, cut: {nodes: [v]}}\n" * 200)
    error = faults_of(path)
    assert len(error.faults) == FAULTS_MAX + 1
    assert error.faults[-1].message == "stopped after 100 faults; there are more"


def test_what_is_no_file_is_a_fault(tmp_path: Path) -> None:
    """A missing file, a folder, a loop of links, a pipe, and a name with a zero byte: a fault each, at once."""
    loop, pipe = tmp_path / "loop.yaml", tmp_path / "pipe.yaml"
    loop.symlink_to(loop)
    os.mkfifo(pipe)
    said = {
        tmp_path / "none.yaml": "cannot read the file: No such file",
        tmp_path: "this is a folder",
        loop: "cannot read the file: Too many levels of symbolic links",
        pipe: "this is a pipe or device",
        Path("/dev/zero"): "this is a pipe or device",
        tmp_path / "a\0b": "not a file's name",
        tmp_path / ("x" * 300): "cannot read the file: File name too long",
        tmp_path / "none.yaml" / "x": "cannot read the file",
    }
    for path, part in said.items():
        error = faults_of(path)
        assert [(fault.path, fault.line, fault.column) for fault in error.faults] == [(str(path), 1, 1)]
        assert part in error.faults[0].message


def test_a_file_that_may_not_be_read_is_a_fault(tmp_path: Path) -> None:
    """Rights that forbid reading are a fault with the system's reason."""
    path = tmp_path / "secret.yaml"
    path.write_text(HEAD)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "Permission denied" in faults_of(path).faults[0].message
