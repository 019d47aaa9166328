"""The model card (arXiv 1810.03993): what the model is, what it was measured on, and what it must not be used for."""

from collections.abc import Mapping

from fer.common.label_set import told
from fer.common.wording import duration
from fer.metrics import METRICS
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.options import ReportOptions
from fer.report.page.class_words import class_words
from fer.report.page.render import render_markdown
from fer.report.page.wording import flat_facts, parameters
from fer.report.result import AnalysisResult
from fer.report.scores.section import class_rows, score_rows, told_facts
from fer.report.scores.statements import copies_trained_on, is_synthetic, meanings, protocol_in_full, statement


def model_card(
    run: EvaluatedRun, *, options: ReportOptions, results: Mapping[str, AnalysisResult], report_command: str
) -> str:
    """The card of one run, as Markdown."""
    manifest = run.record.manifest
    facts = dict(flat_facts(manifest))
    energy = facts.get("energy.kwh")
    card = render_markdown(
        "card/model_card.md.j2",
        {
            "name": run.record.name,
            "notes": [*run.notes, *(note for found in results.values() for note in found.notes)],
            "model": [
                ("architecture", run.record.model),
                ("parameters", parameters(run.num_parameters)),
                ("input", " x ".join(map(str, run.input_shape)) + " (channels x height x width)"),
                ("output", f"probabilities of {told(run.labels, noun='expression')}"),
                *told_facts(run),
                ("checkpoint", str(run.record.checkpoint.relative_to(run.record.folder.path))),
                (
                    "software",
                    ", ".join(
                        f"{name.removeprefix('versions.')} {version}"
                        for name, version in facts.items()
                        if name.startswith("versions.")
                    ),
                ),
            ],
            "emotions": run.labels,
            "all_labels": told(run.labels, noun="expression"),
            "source": run.data.source,
            "fingerprint": run.data.fingerprint,
            "counts": [(name, counts.tolist(), int(counts.sum())) for name, counts in run.data.counts.items()],
            "copies": run.data.copies,
            "copies_trained_on": copies_trained_on(run),
            "synthetic": is_synthetic(run),
            "fer2013": run.data.is_fer2013 or run.data.source.startswith("FER-2013"),
            "protocol": protocol_in_full(run),
            "resamples": options.bootstrap,
            "seed": run.record.seed,
            "metrics": list(METRICS.values()),
            "rows": score_rows(run),
            "statement": statement(run, run.headline_key),
            "class_rows": class_rows(run),
            "sentences": [sentence for found in results.values() for sentence in found.card],
            "groups_measured": "fairness" in results and bool(results["fairness"].metrics.get("measured")),
            "meanings": meanings(run),
            "train_time": duration(run.record.final.get("train_seconds")),
            "wall_time": duration(manifest["wall_seconds"]) if "wall_seconds" in manifest else "",
            "device": facts.get("device.name", facts.get("device", "")),
            "energy": f"It used {energy} kWh." if energy is not None else "Its energy was not measured.",
            "train_command": manifest.get("command"),
            "report_command": report_command,
        },
    )
    return class_words(run.labels)(card)
