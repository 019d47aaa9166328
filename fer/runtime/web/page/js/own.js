// One's own photos to practise with: the server reads one when its face has been guessed, and keeps none; somebody who knows says what they show.

import { part, status } from "./app.js";
import { handed, handOver } from "./handover.js";
import { named, t } from "./i18n.js";
import { EXPRESSIONS } from "./units.js";
import { isVideo } from "./upload.js";

const hint = (textContent) => Object.assign(document.createElement("p"), { className: "hint", textContent });

export class OwnPhotos {
  /** `onChange(file)`: there are more photos, or one, of that file, is called something else. */
  constructor(onChange) {
    Object.assign(this, { photos: handed("photos") ?? [], onChange });
    handOver("photos", () => this.photos.map(({ file, label }) => ({ file, label })), { ofFiles: true });
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

  /** Those of which somebody has said what they show, and that can be shown. */
  get usable() {
    return this.photos.filter((photo) => photo.label !== null && photo.problem === undefined);
  }

  /** A photo cannot be shown: its row says why, and it is not practised with. */
  refuse(file, words) {
    const place = this.photos.findIndex((photo) => photo.file === file);
    if (this.photos[place].problem === undefined) part("own-list").children[place].append(hint(words));
    this.photos[place].problem = words;
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
          this.onChange(photo.file);
        });
        row.append(name, list);
        if (photo.problem !== undefined) row.append(hint(photo.problem));
        return row;
      }),
    );
    this.onChange();
  }
}
