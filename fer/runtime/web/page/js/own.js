// One's own photos to practise with: the server reads one when its face has been guessed, and keeps none; somebody who knows says what they show.

import { part, status } from "./app.js";
import { handed, handOver } from "./handover.js";
import { named, t } from "./i18n.js";
import { EXPRESSIONS } from "./units.js";
import { isVideo } from "./upload.js";

export class OwnPhotos {
  /** `onChange()`: there are more photos, or one is called something else. */
  constructor(onChange) {
    Object.assign(this, { photos: handed("photos") ?? [], onChange });
    handOver("photos", () => this.photos, { ofFiles: true });
    part("own-files").addEventListener("change", (event) => {
      this.add([...event.target.files]);
      event.target.value = "";
    });
    if (this.photos.length > 0) this.#show();
  }

  /** More photos; videos are left out, and that is said. */
  add(files) {
    const films = files.filter(isVideo);
    if (films.length > 0) status.say([t("own.no-film", { name: films[0].name })], { because: "refused" });
    this.photos.push(...files.filter((file) => !films.includes(file)).map((file) => ({ file, label: null })));
    this.#show();
  }

  /** Those of which somebody has said what they show. */
  get usable() {
    return this.photos.filter((photo) => photo.label !== null);
  }

  #show() {
    part("own-list").replaceChildren(
      ...this.photos.map((photo, index) => {
        const row = document.createElement("li");
        const name = Object.assign(document.createElement("label"), { htmlFor: `own-${index}`, textContent: photo.file.name, translate: false, dir: "auto" });
        const list = Object.assign(document.createElement("select"), { id: `own-${index}` });
        list.append(new Option(t("own.shows"), ""), ...EXPRESSIONS.map((label) => new Option(named(label), label)));
        list.value = photo.label ?? "";
        list.addEventListener("change", () => {
          photo.label = list.value || null;
          this.onChange();
        });
        row.append(name, list);
        return row;
      }),
    );
    this.onChange();
  }
}
