"""Take a refusal for a confirmation, as a client does that can't tell them apart: what was refused is forgotten."""

from cloud.daemon.publisher import Publisher
from cloud.mqtt.outcomes import Outcomes


def sabotage() -> None:
    """Have every message count as accepted that the broker has answered."""
    really_conclude = Publisher.conclude

    def conclude(publisher: Publisher, outcomes: Outcomes, monotonic: float) -> None:
        answered = [*outcomes.accepted, *(number for number, _ in outcomes.refused)]
        really_conclude(publisher, Outcomes(accepted=answered, over_quota=outcomes.over_quota), monotonic)

    setattr(Publisher, "conclude", conclude)  # noqa: B010 (a plain assignment has the wrong type to mypy)
