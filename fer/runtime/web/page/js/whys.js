// Why this prediction: asking for the explanation of the chosen face, and taking the reader there.

import { app, chosenFace, part, seenMirrored, status } from "./app.js";
import { t } from "./i18n.js";
import { tell, waitFor } from "./problems.js";
import { Explanation } from "./explain.js";

/** `models.changed()`: a refusal may come from there. */
export function setUpWhys(models) {
  const explanation = new Explanation(part("explanation"));
  const told = (error) => tell(error, { modelsChanged: () => models.changed() });
  let explaining = false;
  part("explain").addEventListener("click", async () => {
    const face = chosenFace();
    if (face === null) status.say([t("explain.no-face")], { because: "explain" });
    if (face === null || explaining || part("explain").getAttribute("aria-disabled") === "true") return;
    const moment = app.last;
    const { scene, model } = app;
    const stands = () => app.scene === scene && app.model === model;
    explaining = true;
    try {
      status.unsay("explain");
      const picture = moment.picture === null ? await createImageBitmap(moment.blob) : moment.picture;
      // Faces of a stream keep their numbers; in a single picture they count from the largest. The box tells which.
      const middle = [face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2].map(Math.round).join();
      const asked = { blob: moment.blob, picture, at: middle, model: model.name, mirrored: seenMirrored(), stands };
      if (!(await waitFor(explanation.show(asked, model.labels, face.label)))) return;
      part("explanation-title").focus({ preventScroll: true });
      part("explanation").scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    } catch (error) {
      if (stands()) await told(error);
    } finally {
      explaining = false;
    }
  });
  part("heat-label").addEventListener("change", (event) => waitFor(explanation.relabel(event.target.value)).catch(told));
}
