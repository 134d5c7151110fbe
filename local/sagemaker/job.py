"""One simulated training job, its state a function of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from local.sagemaker import lifecycle
from local.sagemaker.billing import billable_seconds, training_seconds
from local.sagemaker.faults import DeliveryFaults
from local.sagemaker.lifecycle import ON_AN_INSTANCE, Lifecycle, Moment

TERMINAL: Final = frozenset({"Completed", "Failed", "Stopped"})
_PRIMARY: Final = dict.fromkeys(lifecycle.ENDINGS, "Stopped") | {each: each for each in (*TERMINAL, "Stopping")}
# SageMaker touches a new job once more, a few milliseconds after its CreationTime.
_FIRST_TOUCH: Final = timedelta(milliseconds=37)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it was asked for, and everything that will happen to it."""

    arn: str
    request: Mapping[str, Any]
    tags: Mapping[str, str]
    created: datetime
    lifecycle: Lifecycle
    tuning_job_arn: str | None = None
    speed: float = 1.0
    delivery: DeliveryFaults = field(default_factory=DeliveryFaults)

    @property
    def name(self) -> str:
        """The TrainingJobName, in the case in which it was given."""
        return str(self.request["TrainingJobName"])

    def due(self, position: int) -> datetime:
        """The time of the moment at that position of its lifecycle."""
        return self.created + self.lifecycle.moments[position].after

    def at(self, now: datetime) -> dict[str, Any]:
        """All that can be known of the job at a time, by AWS's names; absent values are None."""
        return self._state(self._past(now), now)

    def through(self, position: int) -> dict[str, Any]:
        """The same just after the moment at that position."""
        return self._state(self.lifecycle.moments[: position + 1], self.due(position))

    def stopped(self, now: datetime) -> "Job":
        """Stop the job as StopTrainingJob does: Stopping, Uploading if there is something to upload, Stopped."""
        after = now - self.created
        return replace(self, lifecycle=lifecycle.wound_down(self._past(now), after, "Stopped", speed=self.speed))

    def failed(self, now: datetime, reason: str) -> "Job":
        """Let the job fail now."""
        moments = (*self._past(now), Moment.of("Failed", now - self.created))
        return replace(self, lifecycle=Lifecycle(moments=moments, failure_reason=reason))

    def _past(self, now: datetime) -> tuple[Moment, ...]:
        moments = self.lifecycle.moments
        return tuple(moment for moment in moments if self.created + moment.after <= now) or moments[:1]

    def _state(self, past: Sequence[Moment], now: datetime) -> dict[str, Any]:
        transitions = self._transitions(past)
        last, ended = past[-1], self.created + past[-1].after
        primary = _PRIMARY.get(last.status, "InProgress")
        over, failed = primary in TERMINAL, last.status == "Failed"
        started = next((each["StartTime"] for each in transitions if each["Status"] in ON_AN_INSTANCE), None)
        training = training_seconds((t["Status"], t.get("EndTime", now) - t["StartTime"]) for t in transitions)
        spot = bool(self.request.get("EnableManagedSpotTraining"))
        output = str(self.request["OutputDataConfig"]["S3OutputPath"]).rstrip("/")
        uploaded = over and not failed and any(each["Status"] == "Training" for each in transitions)
        return {
            **self.request,
            "ResourceConfig": self._resources(chosen=started is not None),
            "TrainingJobArn": self.arn,
            "TuningJobArn": self.tuning_job_arn,
            "ModelArtifacts": {"S3ModelArtifacts": f"{output}/{self.name}/output/model.tar.gz"} if uploaded else None,
            "TrainingJobStatus": primary,
            "SecondaryStatus": last.status,
            "FailureReason": self.lifecycle.failure_reason if failed else None,
            "CreationTime": self.created,
            "TrainingStartTime": started,
            # A job that never had an instance gets an end only when it failed.
            "TrainingEndTime": ended if over and (started or failed) else None,
            "LastModifiedTime": ended + (_FIRST_TOUCH if len(past) == 1 else timedelta()),
            "SecondaryStatusTransitions": transitions,
            "TrainingTimeInSeconds": training,
            "BillableTimeInSeconds": billable_seconds(training, spot=spot) if over else None,
            "ProfilingStatus": "Disabled" if self.request["ProfilerConfig"].get("DisableProfiler") else "Enabled",
        }

    def _resources(self, *, chosen: bool) -> Mapping[str, Any]:
        """What was asked for, and of a list the type that SageMaker has chosen: here the first.

        "These two fields appear only after a type is selected" (Developer Guide, "Instance preference lists").
        """
        asked: Mapping[str, Any] = self.request.get("ResourceConfig", {})
        if not chosen or "InstancePreferences" not in asked:
            return asked
        first = asked["InstancePreferences"][0]
        count = first.get("InstanceCount", asked.get("InstanceCount"))
        return {**asked, "SelectedInstanceType": first["InstanceType"], "SelectedInstanceCount": count}

    def _transitions(self, past: Sequence[Moment]) -> list[dict[str, Any]]:
        """Collapse the messages of one status into one entry; the last message wins."""
        transitions: list[dict[str, Any]] = []
        for status, group in groupby(past, key=lambda moment: moment.status):
            moments = [*group]
            start = self.created + moments[0].after
            if transitions:
                transitions[-1]["EndTime"] = start
            transitions.append({"Status": status, "StartTime": start, "StatusMessage": moments[-1].message})
            if _PRIMARY.get(status) in TERMINAL:
                transitions[-1]["EndTime"] = start
        return transitions
