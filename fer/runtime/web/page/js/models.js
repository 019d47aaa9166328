// The models that the server offers: choosing one, and noticing that there are others now.

import * as api from "./api.js";
import { app, bars, hide, part, status } from "./app.js";
import { choice, remember } from "./choices.js";
import { colourLabels } from "./colours.js";
import { facts, plain, unseenHalf } from "./facts.js";
import { t } from "./i18n.js";
import { RETRY_MS } from "./live.js";
import { tell, waitFor } from "./problems.js";
import { Steady } from "./steady.js";

const HALVES = ["upper", "lower", "left", "right"];

export class Models {
  /** `onChange()`: what was predicted is not what the chosen model would say. `onOther()`: the one to compare with. */
  constructor({ onChange, onOther }) {
    Object.assign(this, { onChange, onOther, connecting: null });
    part("hide").replaceChildren(new Option(t("mask.none"), ""), ...HALVES.map((half) => new Option(t(`mask.${half}`), half)));
    app.hidden = HALVES.includes(choice("hide")) ? choice("hide") : null;
    part("hide").value = app.hidden ?? "";
    part("hide").addEventListener("change", (event) => this.#hide(event.target.value || null));
    part("model").addEventListener("change", (event) => {
      remember("model", event.target.value);
      this.#use(event.target.value);
    });
    part("second").addEventListener("change", (event) => this.#compare(event.target.value || null));
  }

  /** Asks until there is an answer; then the page has a model. */
  async connect() {
    clearTimeout(this.connecting);
    let offer;
    try {
      offer = await waitFor(api.models());
    } catch (error) {
      if (!(error instanceof api.Unreachable && part("message").dataset.because === "server" && !part("message").hidden)) await tell(error, { goesOn: true });
      if (error instanceof api.Unreachable) this.connecting = setTimeout(() => this.connect(), RETRY_MS);
      return;
    }
    hide(part("token-form"));
    status.unsay("token", "server");
    this.#adopt(offer);
  }

  /** Whether the server has other models than the page believed, which it then takes over. */
  async changed() {
    const offer = await api.models().catch(() => null);
    if (offer === null || app.model === null) return false;
    const same = offer.models.find((each) => each.name === app.model.name);
    if (same?.sha256 === app.model.sha256) return false;
    this.#adopt(offer);
    status.say([t("model.other", { name: plain(app.model.name) }), t("model.goes-on")], { kind: "good", because: "model" });
    return true;
  }

  // The model of the address if it is there, else the first.
  #adopt(offer) {
    app.catalogue = offer;
    const names = offer.models.map((each) => each.name);
    part("model").replaceChildren(...names.map((name) => new Option(plain(name), name)));
    part("second").replaceChildren(new Option(t("compare.none"), ""), ...names.map((name) => new Option(plain(name), name)));
    part("model").hidden = names.length < 2;
    part("model-name").textContent = names.length < 2 ? plain(names[0]) : "";
    part("model-line").hidden = false;
    part("second-line").hidden = names.length < 2;
    this.#use(names.includes(choice("model")) ? choice("model") : names[0]);
    this.#compare(names.includes(choice("second")) ? choice("second") : null);
  }

  #use(name) {
    app.model = app.catalogue.models.find((each) => each.name === name);
    part("model").value = name;
    colourLabels(app.model.labels);
    bars.build(app.model.labels, app.model.uncertain_below > 1 ? 0 : app.model.uncertain_below);
    app.steady = new Steady(app.model.uncertain_below);
    const { labels, scores, certainty } = facts(app.model);
    for (const [id, words] of [["label-facts", labels], ["model-facts", scores], ["uncertain-facts", certainty]]) part(id).textContent = words;
    const unseen = unseenHalf(name);
    part("hide").disabled = unseen !== null;
    part("hide").value = unseen ?? app.hidden ?? "";
    this.onChange();
  }

  #compare(name) {
    remember("second", name);
    app.second = name === null ? null : app.catalogue.models.find((each) => each.name === name);
    part("second").value = name ?? "";
    this.onOther();
  }

  #hide(half) {
    app.hidden = half;
    remember("hide", half);
    this.onChange();
  }
}
