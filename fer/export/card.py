"""The card of an exported model (Mitchell et al., arXiv 1810.03993), from what the file says of itself."""

from collections.abc import Sequence

from fer.common.label_set import told
from fer.common.labels import EMOTIONS
from fer.common.wording import markdown
from fer.export.measurement import BATCH, Measured
from fer.runtime.facts import ModelFacts

_TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "weighted_auc": "Weighted one-vs-rest AUC",
    "nll": "Negative log-likelihood (nats, lower is better)",
}


def model_card(
    facts: ModelFacts, rows: Sequence[Measured], *, notes: Sequence[str], file: str, megabytes: float
) -> str:
    """The card, as Markdown.

    Args:
        facts: of the file.
        rows: its forms side by side.
        notes: what a reader must know before the numbers.
        file: its name.
        megabytes: its size, 10^6 bytes.
    """
    parts = [
        f"# Model card: {markdown(facts.name)}",
        *(f"> **Read this first.** {note}" for note in notes),
        _model(facts, file, megabytes),
        _USE.format(all_labels=told(facts.labels, noun="expression"), labels=", ".join(facts.labels)),
        _data(facts),
        _scores(facts),
        *([_forms(rows, facts)] if rows else []),
        _behaviour(facts),
        _limits(facts),
        _ETHICS.format(bias=_BIAS_OF_FER2013 if _is_fer2013(facts) else _BIAS),
    ]
    return "\n\n".join(parts) + "\n"


def _model(facts: ModelFacts, file: str, megabytes: float) -> str:
    maps = "none" if facts.maps is None else f"{facts.maps} x {facts.maps} cells a class"
    facts_told = {
        "file": f"`{file}`, {megabytes:.2f} MB",
        "SHA-256": f"`{facts.sha256}`",
        "net": f"{markdown(facts.net)}, {facts.parameters:,} parameters",
        "layers": "8-bit integers (static quantisation)" if facts.precision == "int8" else "float32",
        "input": f"`image`, uint8 (N, 1, {facts.size}, {facts.size}), grey; preprocessing is inside",
        "output": f"`probabilities`, float32 (N, {len(facts.labels)}), calibrated: " + ", ".join(facts.labels),
        "class activation maps": maps,
        "written by": ", ".join(f"{markdown(name)} {markdown(version)}" for name, version in facts.versions.items()),
    }
    return "## Model\n\n| | |\n|---|---|\n" + "\n".join(f"| {name} | {told} |" for name, told in facts_told.items())


def _data(facts: ModelFacts) -> str:
    return (
        f"## Data and protocol\n\n{markdown(facts.source)}, content fingerprint {markdown(facts.data_fingerprint)}; "
        f"{markdown(facts.protocol)}. Seed {facts.seed}, {facts.epochs} epochs, settings "
        f"{markdown(facts.config_digest)}. The file holds weights and numbers, no image."
    )


def _scores(facts: ModelFacts) -> str:
    lines = [
        "## Scores",
        "",
        f"Of this very file, on the {_scored(facts):,} {facts.split} faces, with 95 % intervals: Wilson's for "
        "accuracy, bootstrap over faces for the others. "
        f"These faces chose the epoch{'' if facts.photographs else ' and fitted the temperature'}, so the scores are "
        "slightly flattering; the "
        "score on sealed test faces is the business of `fer-report` on the run.",
        "",
        "| score | value | 95 % interval |",
        "|---|---:|---:|",
    ]
    for name, score in facts.metrics.items():
        percent = name != "nll"
        told = [_number(number, percent=percent) for number in (score.value, score.low, score.high)]
        interval = "none" if score.low is None else f"{told[1]} to {told[2]}"
        lines.append(f"| {_TITLES.get(name, name)} | {told[0]} | {interval} |")
    return "\n".join(lines)


def _scored(facts: ModelFacts) -> int:
    return max((score.n for score in facts.metrics.values()), default=0)


def _forms(rows: Sequence[Measured], facts: ModelFacts) -> str:
    lines = [
        "## The same model in its forms",
        "",
        f"| form | size | ms a face, alone | ms a face, of {BATCH} | {facts.split} accuracy | labels as torch's |",
        "|---|---:|---:|---:|---:|---:|",
        *(
            f"| {row.form} | {row.megabytes:.2f} MB | {row.single_ms:.2f} | {row.batch_ms:.2f} | "
            f"{100 * row.accuracy:.2f} % | {100 * row.agreement:.2f} % |"
            for row in rows
        ),
        "",
        "Times are of one thread on the machine that exported it, preprocessing included.",
    ]
    return "\n".join(lines)


def _behaviour(facts: ModelFacts) -> str:
    target = f"{100 * facts.target_accuracy:.0f} %"
    if facts.threshold is None or facts.answered_accuracy is None:
        said = f"No confidence of this model earns an accuracy of {target}, so every prediction is marked uncertain."
    else:
        photos = facts.photographs
        whose = "" if photos is None else f", by cross-validation over their {photos.persons:,} persons"
        count = "" if photos is None else f"{photos.n:,} "
        said = (
            f"A prediction of a confidence below {100 * facts.threshold:.1f} % is marked uncertain. That leaves "
            f"{100 * facts.coverage:.0f} % of the {count}{facts.fitted_on} with a certain prediction, "
            f"{100 * facts.answered_accuracy:.1f} % of them right{whose} (the target was {target})."
        )
    if facts.photographs is not None and facts.photographs.told:
        said += (
            f" Other persons judged temperature and threshold, not {' and '.join(facts.photographs.told)}: told "
            "to the export beside the same photographs, and to be taken as chosen on them. These figures therefore "
            "flatter; only photographs that had no part in any choice say what it reaches."
        )
    parts = [
        f"## Confidence\n\nLogits are divided by a temperature of {facts.temperature:.3f}, fitted on the "
        f"{facts.fitted_on}. {said}"
    ]
    if facts.prior is not None:
        shares = ", ".join(f"{label} {100 * share:.1f} %" for label, share in facts.prior.items())
        # Priors are told of the seven emotions alone.
        whose = (
            "the emotions that it takes for granted, which `--prior` changes"
            if facts.labels == EMOTIONS
            else "its labels that it takes for granted"
        )
        parts.append(f"The shares of {whose}: {shares}.")
    return "\n\n".join(parts)


def _is_fer2013(facts: ModelFacts) -> bool:
    return facts.source.startswith("FER-2013")


def _limits(facts: ModelFacts) -> str:
    limits = [
        f"- It sees one grey crop of {facts.size} x {facts.size} pixels. Crops of other framing, size, light or head "
        "pose than\n  those of its training data lower the score by an unknown amount.",
        *([_PEOPLE_ON_FER2013] if _is_fer2013(facts) else []),
        f"- It knows {told(facts.labels, noun='expression')} and gives every crop one of them, be it a face or not.",
    ]
    return "## Limits\n\n" + "\n".join(limits)


def _number(value: float | None, *, percent: bool) -> str:
    if value is None:
        return "undefined"
    return f"{100 * value:.1f} %" if percent else f"{value:.3f}"


_USE = """\
## Intended use

Study, teaching and research on the recognition of facial expressions in small face crops, and demonstrations in which
the people shown have agreed to it. It predicts one of {all_labels}: {labels}.

## Not for

Decisions about people (hiring, schooling, policing, insurance, health, lie detection), watching people who have not
agreed, or statements on what somebody feels. An expression is not a feeling, and the link between the two differs
between people, cultures and situations. Emotion recognition at work and in education is restricted by law in some
places (in the European Union by the AI Act, Regulation (EU) 2024/1689, Article 5(1)(f))."""

_PEOPLE_ON_FER2013 = """\
- People agree with FER-2013's labels about 65 % of the time (arXiv 1307.0414): a model trained on such labels learns
  what its annotators saw, with their habits."""

_ETHICS = """\
## Ethics

**Privacy.** A face is personal data and, where it identifies somebody, biometric data. The model stores no image and
runs on the machine it is installed on.

**Bias.** {bias} Measure on the people you mean to serve before any use."""

_BIAS_OF_FER2013 = """\
Images found by web search over-represent some groups, and such data carry no age, sex, skin tone or origin, so nothing
here says how the score differs between groups of people."""

_BIAS = "Nothing here says how the score differs between groups of people."
