"""The Flask application of the studio: the doors of fer-serve, always with a token, and its routes."""

from flask import Flask, Response, abort

from fer.runtime.images import ImageTooLarge, NotAnImage
from fer.runtime.web.doors import guard, tell_mistakes
from fer.runtime.web.routes import page_files
from fer.runtime.web.settings import ServeSettings
from fer.runtime.web.uploads import InMemoryRequest, WrongType
from fer.studio.data_routes import add_data_routes
from fer.studio.form_routes import add_form_routes
from fer.studio.job_routes import add_job_routes
from fer.studio.look_routes import add_look_routes
from fer.studio.run_routes import add_run_routes
from fer.studio.settings import OUR_FAULT
from fer.studio.studio import Studio
from fer.studio.tickets import OPEN_PATH, Tickets, add_ticket_routes


def create_app(studio: Studio, *, settings: ServeSettings) -> Flask:
    """The application.

    Args:
        studio: what it shows and starts.
        settings: limits and the token, which must be there: whoever has it may start programs and delete runs.
    """
    assert settings.token is not None
    app = Flask("fer.studio", static_folder=None)
    app.request_class = InMemoryRequest
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body
    app.config["MAX_FORM_PARTS"] = 8
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    guard(app, settings=settings, is_open=lambda path: path == "/" or path.startswith(("/page/", OPEN_PATH)))
    statuses: dict[type[Exception], int] = {WrongType: 415, NotAnImage: 415, ImageTooLarge: 413}
    tell_mistakes(app, settings=settings, statuses=statuses, our_fault=OUR_FAULT, faults=())
    page = page_files("fer.studio")

    @app.get("/")
    def index() -> Response:
        return page["index.html"]()

    @app.get("/page/<path:name>")
    def page_file(name: str) -> Response:
        if name not in page:
            abort(404, f"there is no {name[:80]}")
        return page[name]()

    tickets = Tickets()
    add_ticket_routes(app, tickets=tickets)
    add_run_routes(app, studio=studio, tickets=tickets)
    add_form_routes(app, studio=studio)
    add_job_routes(app, studio=studio, tickets=tickets)
    add_data_routes(app, studio=studio)
    add_look_routes(app, studio=studio)
    return app
