"""Every trigger and binding of Breakwater, and nothing else."""

import logging
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from handlers.signed_in import Answer

# The SDKs tell of every request at INFO; the host would keep it all as the user's own log.
logging.getLogger("azure").setLevel(logging.WARNING)

# Handlers are imported by the function that runs: the host indexes this file at every cold start.

app = func.FunctionApp()

STORAGE = "AzureWebJobsStorage"


@app.timer_trigger(arg_name="timer", schedule="%WATCH_SCHEDULE%", run_on_startup=False)
def watch_upstreams(timer: func.TimerRequest) -> None:
    """Resolve every watched tag and enqueue imports of what changed."""
    from handlers import watch_upstreams as handler
    from shared.services import services

    handler.handle(services())


@app.route(route="upstream-pushed", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def upstream_pushed(req: func.HttpRequest) -> func.HttpResponse:
    """Watch the images that a registry's push webhook names, now."""
    from handlers import upstream_pushed as handler
    from shared.services import services

    status, text = handler.handle(services(), req.get_body(), req.headers)
    return func.HttpResponse(text, status_code=status)


@app.queue_trigger(arg_name="msg", queue_name="watch", connection=STORAGE)
def watch_images(msg: func.QueueMessage) -> None:
    """Watch a share of the catalog, or what a webhook named."""
    from handlers import watch_images as handler
    from shared.services import services

    handler.handle(services(), msg.get_body().decode())


@app.queue_trigger(arg_name="msg", queue_name="imports", connection=STORAGE)
def import_image(msg: func.QueueMessage) -> None:
    """Import a digest into staging."""
    from handlers import import_image as handler
    from shared.services import services

    handler.handle(services(), msg.get_body().decode())


@app.event_grid_trigger(arg_name="event")
def on_staging_push(event: func.EventGridEvent) -> None:
    """Look at the candidate something was pushed for."""
    from handlers import on_staging_push as handler
    from shared.services import services

    handler.handle(services(), event.get_json())


@app.queue_trigger(arg_name="msg", queue_name="candidates", connection=STORAGE)
def advance_candidate(msg: func.QueueMessage) -> None:
    """Look at a candidate: gather, decide, apply."""
    from handlers import advance_candidate as handler
    from shared.services import services

    handler.handle(services(), msg.get_body().decode())


@app.event_grid_trigger(arg_name="event")
def on_base_push(event: func.EventGridEvent) -> None:
    """Ask for the rebuilds a moved stable tag calls for."""
    from handlers import on_base_push as handler
    from shared.services import services

    handler.handle(services(), event.get_json())


@app.queue_trigger(arg_name="msg", queue_name="rebuilds", connection=STORAGE)
def rebuild_app(msg: func.QueueMessage) -> None:
    """Bring an app's rebuild a step on."""
    from handlers import rebuild_app as handler
    from shared.services import services

    handler.handle(services(), msg.get_body().decode())


@app.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False)
def due(timer: func.TimerRequest) -> None:
    """Turn due times that have come into messages."""
    from handlers import due as handler
    from shared.services import services

    handler.handle(services())


@app.timer_trigger(arg_name="timer", schedule="%SWEEP_SCHEDULE%", run_on_startup=False)
def sweep(timer: func.TimerRequest) -> None:
    """Look again at what no event mentioned."""
    from handlers import sweep as handler
    from shared.services import services

    handler.handle(services())


@app.queue_trigger(arg_name="msg", queue_name="imports-poison", connection=STORAGE)
def imports_poison(msg: func.QueueMessage) -> None:
    """Record an import that was given up."""
    from handlers import poisoned as handler
    from shared.services import services

    handler.handle(services(), "imports", msg.get_body().decode(errors="replace"))


@app.queue_trigger(arg_name="msg", queue_name="candidates-poison", connection=STORAGE)
def candidates_poison(msg: func.QueueMessage) -> None:
    """Record a look that was given up."""
    from handlers import poisoned as handler
    from shared.services import services

    handler.handle(services(), "candidates", msg.get_body().decode(errors="replace"))


@app.queue_trigger(arg_name="msg", queue_name="rebuilds-poison", connection=STORAGE)
def rebuilds_poison(msg: func.QueueMessage) -> None:
    """Record a rebuild that was given up."""
    from handlers import poisoned as handler
    from shared.services import services

    handler.handle(services(), "rebuilds", msg.get_body().decode(errors="replace"))


@app.queue_trigger(arg_name="msg", queue_name="watch-poison", connection=STORAGE)
def watch_poison(msg: func.QueueMessage) -> None:
    """Record a watch that was given up."""
    from handlers import poisoned as handler
    from shared.services import services

    handler.handle(services(), "watch", msg.get_body().decode(errors="replace"))


@app.route(route="status", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def api_status(req: func.HttpRequest) -> func.HttpResponse:
    """Show every candidate and why it is where it is, as JSON."""
    from handlers import api_status as handler
    from shared.services import services

    return func.HttpResponse(handler.handle(services()), mimetype="application/json")


# Operators: only their own tokens open these, which the handlers check; a function key is nobody.


def _response(answer: "Answer") -> func.HttpResponse:
    return func.HttpResponse(
        answer.text, status_code=answer.status, headers=answer.headers, mimetype="application/json"
    )


@app.route(route="approve", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def api_approve(req: func.HttpRequest) -> func.HttpResponse:
    """Approve a digest."""
    from handlers import api_approve as handler
    from shared.services import services

    return _response(handler.handle(services(), req.get_body(), req.headers))


@app.route(route="deny", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def api_deny(req: func.HttpRequest) -> func.HttpResponse:
    """Deny a digest for good."""
    from handlers import api_deny as handler
    from shared.services import services

    return _response(handler.handle(services(), req.get_body(), req.headers))


@app.route(route="release", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def api_release(req: func.HttpRequest) -> func.HttpResponse:
    """Release a digest that upstream withdrew."""
    from handlers import api_release as handler
    from shared.services import services

    return _response(handler.handle(services(), req.get_body(), req.headers))


@app.route(route="candidates", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def api_candidates(req: func.HttpRequest) -> func.HttpResponse:
    """List candidates, as the query filters them."""
    from handlers import api_candidates as handler
    from shared.services import services

    return _response(handler.handle(services(), req.params, req.headers))


@app.route(route="explain", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def api_explain(req: func.HttpRequest) -> func.HttpResponse:
    """Explain why a digest is where it is, and what would change that."""
    from handlers import api_explain as handler
    from shared.services import services

    return _response(handler.handle(services(), req.params, req.headers))
