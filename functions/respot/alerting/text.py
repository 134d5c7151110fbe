"""The texts of an alert."""

from typing import Final, assert_never

from respot.alerting.alert import Alert
from respot.alerting.kinds import AlertKind
from respot.jobs.aws_names import console_host
from respot.jobs.formatting import clause, in_words, iso, readable, sentence
from respot.jobs.job import JobState, savings_percent
from respot.jobs.lifecycle import DELETING, IN_PROGRESS, has_held_instances, is_terminal
from respot.recovery.planning.decision import DECIDED_WITHIN, Outlook
from respot.recovery.planning.ending import is_pending_timeout

NEXT: Final = {
    AlertKind.RESUBMITTED: "Respot watches the new job, too.",
    AlertKind.NOT_RESUBMITTED: "Respot does nothing more about this job.",
    AlertKind.WOULD_RESUBMIT: "Nothing was created: dry_run is on.",
    AlertKind.POLICY_INVALID: (
        "Respot decides on this job as soon as the policy is valid again, "
        f"if that is within {in_words(DECIDED_WITHIN)} of the job's end."
    ),
    AlertKind.POSTPONED: (
        "Respot checks the job again within half an hour after the kill switch is off; "
        "a pause that the policy asks for may follow. "
        f"If the switch is still on {in_words(DECIDED_WITHIN)} after the job's end, Respot refuses the job, "
        "and another alert says so."
    ),
    AlertKind.WAIT_LIMIT_EXCEEDED: (
        "SageMaker stops the job within minutes. Respot then decides again, creates the next attempt if nothing has "
        "changed, and reports that. Do not start a new job before that report."
    ),
    AlertKind.CREATION_POSTPONED: (
        "Respot keeps trying, and reports the outcome. Do not start a new job before that report. "
        "If the reason is a quota, a higher one in AWS Service Quotas ends the wait."
    ),
    AlertKind.DEADLINE_AT_RISK: "The job waits on. Respot does what its policy asks for, and reports that.",
    AlertKind.ADVICE: "This job keeps its settings; they can be changed for the next one.",
}
"""What follows an alert with a summary or advice, which have the rest: nothing here may repeat it."""


_DONE = {
    AlertKind.RESUBMITTED: "was resubmitted",
    AlertKind.NOT_RESUBMITTED: "is not resubmitted",
    AlertKind.WOULD_RESUBMIT: "would have been resubmitted (dry run)",
    AlertKind.POLICY_INVALID: "waits: the account's policy is invalid",
    AlertKind.POSTPONED: "waits: the account's kill switch is on",
    AlertKind.WAIT_LIMIT_EXCEEDED: "waited too long for capacity: Respot stops it",
    AlertKind.CREATION_POSTPONED: "waits: its next attempt cannot be created yet",
    AlertKind.DEADLINE_AT_RISK: "may miss its deadline",
    AlertKind.ADVICE: "runs on spot at a risk",
}
"""What Respot did, for the headline."""


_LABEL = "DRILL: "
"""The beginning of every text of a drill."""


def headline(alert: Alert) -> str:
    """One line: what happened to which job."""
    return f"{_label(alert)}{_headline(alert)}"


def _headline(alert: Alert) -> str:
    name = alert.state.job.name
    match alert.kind:
        case AlertKind.INTERRUPTED:
            return f"{name} was interrupted ({_ordinal(alert.earlier_interruptions + 1)} time)"
        case AlertKind.MAX_WAIT_TIME_EXCEEDED:
            return f"{name} ran out of waiting time and was stopped"
        case AlertKind.MAX_RUNTIME_EXCEEDED:
            return f"{name} reached its maximum runtime and was stopped"
        case AlertKind.FAILED:
            return f"{name} failed"
        case AlertKind.ENDED:
            return f"{name} ended as {one_line(alert.transition.status)}"
        case AlertKind.ADVICE if is_terminal(alert.state.status):
            return f"{name} ran on spot at a risk"
        case AlertKind.NOT_RESUBMITTED if alert.withdrawn:
            return f"{name} is not resubmitted, as asked"
        case _:
            return f"{name} {_DONE[alert.kind]}"


def what_happened(alert: Alert) -> str:
    """What happened, why if SageMaker says so, and how often before."""
    state = alert.state
    if state.job.is_drill:
        return f"{_LABEL}nothing happened. Somebody runs respot drill to see whether alerts of this kind arrive."
    match alert.kind:
        case AlertKind.INTERRUPTED:
            cause = f"SageMaker lost the spot instances of {placement(state)}."
        case AlertKind.MAX_WAIT_TIME_EXCEEDED:
            limit = f" of {in_words(state.max_wait)}" if state.max_wait else ""
            cause = (
                f"Waiting and training together reached MaxWaitTimeInSeconds{limit}."
                if not _never_launched(alert)
                else f"No spot instances came within MaxWaitTimeInSeconds{limit}: the job was never launched."
            )
        case AlertKind.MAX_RUNTIME_EXCEEDED:
            limit = f" of {in_words(state.max_runtime)}" if state.max_runtime else ""
            cause = f"Training reached MaxRuntimeInSeconds{limit}."
        case AlertKind.FAILED:
            cause = sentence(f"SageMaker says: {clause(one_line(state.failure_reason or '')) or 'no reason given'}")
        case AlertKind.ENDED:
            cause = sentence(_why_ended(alert))
        case (
            AlertKind.RESUBMITTED
            | AlertKind.NOT_RESUBMITTED
            | AlertKind.WOULD_RESUBMIT
            | AlertKind.POLICY_INVALID
            | AlertKind.POSTPONED
            | AlertKind.WAIT_LIMIT_EXCEEDED
            | AlertKind.CREATION_POSTPONED
            | AlertKind.DEADLINE_AT_RISK
            | AlertKind.ADVICE
            | AlertKind.DIGEST  # of many jobs: digest_text has its words
        ):
            parts = filter(None, (clause(one_line(alert.summary)), one_line(alert.warning or "")))
            return " ".join(filter(None, (sentence("; ".join(parts)), *map(sentence, alert.advice))))
        case _:  # pragma: no cover - mypy proves that no kind is left
            assert_never(alert.kind)
    return f"{cause} {_before(alert)}"


def particulars(alert: Alert) -> str:
    """SageMaker's or Respot's own words in the alert, for a quotation; empty if there are none."""
    if alert.kind is AlertKind.FAILED:
        return clause(one_line(alert.state.failure_reason or ""))
    if alert.kind is AlertKind.ENDED:
        return clause(_why_ended(alert))
    return clause(what_happened(alert)) if alert.kind in _DONE else ""


def concludes(kind: AlertKind) -> bool:
    """Whether an alert of this kind reports the end of a job, so that people ask what follows."""
    return kind not in {AlertKind.INTERRUPTED, AlertKind.DIGEST} and kind not in NEXT


def what_happens_next(alert: Alert) -> str:
    """What SageMaker and Respot do next, and what is left to do."""
    state = alert.state
    if state.job.is_drill:
        return f"{_LABEL}there is no such job, and nothing to do."
    if alert.kind in NEXT:
        return NEXT[alert.kind]
    if concludes(alert.kind):
        return f"The job has stopped for good; SageMaker does not restart it. {_after_the_end(alert)}"
    if state.status != IN_PROGRESS:
        return f"The job has gone on since then: it is {one_line(f'{state.status}/{state.secondary_status}')} now."
    until = f", unless that takes until {readable(state.job.created + state.max_wait)}" if state.max_wait else ""
    resume = (
        "It then resumes from its latest checkpoint, if there is one."
        if state.checkpoint_uri
        else "No checkpoint location is configured: it then starts from scratch."
    )
    return f"SageMaker restarts the job automatically as soon as spot instances are there again{until}. {resume}"


def cost(alert: Alert) -> str:
    """Training time, waiting time, cost and savings, where known; empty if nothing is."""
    state, figures = alert.state, alert.figures
    if state.job.is_drill:
        return f"{_LABEL}nothing was trained, waited for or billed."
    trained = f"trained {in_words(figures.trained)}" if figures.trained else ""
    waited = f"waited {in_words(figures.waited)} for capacity" if figures.waited else ""
    spent = ", ".join(filter(None, (trained, waited)))
    if not spent and not is_terminal(state.status):
        return ""
    known = "; ".join(filter(None, (spent, _billed(alert))))
    return sentence(f"{known[0].upper()}{known[1:]}")


def _billed(alert: Alert) -> str:
    state = alert.state
    if is_terminal(state.status) and _never_launched(alert):
        return "nothing was billed, since the job never held an instance"
    if state.billable_time is None or state.training_time is None:
        return "SageMaker does not say yet what it bills"
    percent = savings_percent(training=state.training_time, billable=state.billable_time)
    saved = "" if percent is None else f": {percent:z.0f} % saved"
    return f"billed {in_words(state.billable_time)} of {in_words(state.training_time)}{saved}"


def checkpoints(state: JobState) -> str:
    """Where the job's checkpoints are."""
    return one_line(state.checkpoint_uri or "none configured")


def console_url(state: JobState) -> str:
    """The job's page in the AWS console of its partition and region."""
    jobs = jobs_url(state.job.region)
    return jobs if state.job.is_drill else f"{jobs}/{state.job.name}"


def jobs_url(region: str) -> str:
    """The list of all jobs in the AWS console of a region."""
    return f"https://{console_host(region)}/sagemaker/home?region={region}#/jobs"


def subject(alert: Alert) -> str:
    """The e-mail's subject: SNS takes fewer than 100 printable ASCII characters."""
    return f"{_label(alert)}[Respot {alert.severity}] {_headline(alert)}".encode("ascii", "replace").decode()[:99]


def plain(alert: Alert) -> str:
    """The whole alert for e-mail."""
    state = alert.state
    lines = [
        headline(alert),
        "",
        *filter(None, (what_happened(alert), what_happens_next(alert), cost(alert))),
        "",
        f"Job          {state.job.name}",
        f"Region       {state.job.region}",
        f"Instances    {placement(state)}",
        f"Created      {iso(state.job.created)}",
        f"Happened     {iso(alert.transition.started)} ({alert.transition.status})",
        f"Checkpoints  {checkpoints(state)}",
    ]
    if state.parent:
        lines.append(f"Owned by     {state.parent.owner} {one_line(state.parent.identifier)}")
    return "\n".join([*lines, f"Console      {console_url(state)}", ""])


def short(alert: Alert) -> str:
    """The alert for SMS: one line."""
    return f"{_label(alert)}Respot: {_headline(alert)} ({alert.state.job.region}, {iso(alert.transition.started)})"


def one_line(words: str) -> str:
    """Foreign text without line breaks or control characters, so that it cannot pose as ours."""
    return "".join(c if c.isprintable() else " " for c in " ".join(words.split()))


def placement(state: JobState) -> str:
    """How many instances of which type on which market, where known."""
    count = f"{state.instance_count} x " if state.instance_count else ""
    market = f" ({state.market})" if state.market else ""
    return f"{count}{one_line(state.instance_type or state.requested_type or 'unknown instances')}{market}"


def _end(alert: Alert) -> str:
    """The end in SageMaker's words: `Stopped/<SecondaryStatus>`."""
    transition = alert.transition
    return one_line(
        transition.status if transition.ended_as in {None, DELETING} else f"{transition.ended_as}/{transition.status}"
    )


def _why_ended(alert: Alert) -> str:
    """What is known of an end with an unknown status; no full stop, so that it can be quoted."""
    state = alert.state
    if reason := clause(one_line(state.failure_reason or "")):
        return f"SageMaker says: {reason}"
    if is_pending_timeout(alert.transition.status):
        limit = f" of {in_words(state.max_pending)}" if state.max_pending else ""
        return f"The job was pending for longer than MaxPendingTimeInSeconds{limit}: SageMaker stopped it"
    return f"SageMaker ended the job with a status that Respot does not know: {_end(alert)}"


def _label(alert: Alert) -> str:
    return _LABEL if alert.state.job.is_drill else ""


def _before(alert: Alert) -> str:
    if alert.earlier_interruptions == 0:
        return "It had not been interrupted before."
    times = {1: "once", 2: "twice"}.get(alert.earlier_interruptions, f"{alert.earlier_interruptions} times")
    return f"It had been interrupted {times} before."


def _ordinal(number: int) -> str:
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _never_launched(alert: Alert) -> bool:
    """Whether the job certainly held no instances until then; events alone do not show all starts."""
    return alert.state.described is True and not has_held_instances(alert.state, alert.transitions)


def _after_the_end(alert: Alert) -> str:
    """Whether Respot or the job's owner may resume it, so that nobody starts it twice."""
    state = alert.state
    match alert.outlook:
        case Outlook.DECIDES:
            return (
                "Respot decides whether it resumes the job, and reports that separately. "
                "Do not start a new job before that report."
            )
        case Outlook.DECIDED:
            return (
                "Respot has already decided whether it resumes the job. Do not start a new job before you have read "
                f"its report: a separate alert, or respot show {state.job.name}, has it."
            )
        case Outlook.UNKNOWN:
            return (
                "It is not known yet whether Respot resumes the job. Do not start a new job before Respot reports "
                f"what it does, or respot show {state.job.name} shows its decision."
            )
        case Outlook.LEAVES if state.parent:
            return f"Respot does not resume it: whether another job follows is up to its owner ({state.parent.owner})."
        case Outlook.LEAVES if state.checkpoint_uri:
            return (
                f"Respot does not resume it. A new job with the checkpoint location {checkpoints(state)} "
                "resumes from the latest checkpoint there, if there is one."
            )
        case Outlook.LEAVES:
            return "Respot does not resume it. No checkpoint location is configured: a new job starts from scratch."
        case _:  # pragma: no cover - mypy proves that no outlook is left
            assert_never(alert.outlook)
