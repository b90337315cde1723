"""Orders: commands carried out.  First everything is checked, then everything is done.

A wrong command changes nothing and is answered with one line that says why.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from agent.config import loader
from agent.config.schema import Config
from agent.control import commands
from agent.control.machine import Input
from agent.errors import RunError, UsageError
from agent.events import Command, Notice, Pair, Stop
from agent.pipeline.summarizer import Summarizer
from agent.report import payloads
from agent.services.provider import Provider
from agent.services.texts import serving

if TYPE_CHECKING:
    from agent.control.controller import Controller

log = logging.getLogger(__name__)


class Replies(Protocol):
    """Where answers go."""

    def command_result(self, fields: Mapping[str, Any]) -> None: ...


class Orders:
    """Carries out commands on ``controller``; used by the main thread."""

    def __init__(
        self, controller: Controller, config: Config, summarizer: Summarizer, replies: Replies
    ) -> None:
        self._controller, self._config = controller, config
        self._summarizer, self._replies = summarizer, replies
        self._held_by: tuple[int | None, object] = (None, None)  # the button, and who pressed it

    def use(self, config: Config) -> None:
        """Check commands against a changed configuration from now on."""
        self._config = config

    def take(self, command: Command) -> None:
        """Check and carry out one command, and answer it."""
        error = None
        try:
            order = commands.parse(command.fields, len(self._config.talk.buttons))
            self._check(order)
            self._obey(order, command)
        except (UsageError, RunError) as refusal:
            error = str(refusal)
            log.warning("command refused: %.*s", payloads.MAX_ERROR, error)
        answer = payloads.result(command.fields, error)
        (command.reply or self._replies.command_result)(answer)

    def _check(self, order: commands.Order) -> None:
        controller = self._controller
        provider, pair = controller.provider, controller.provider.pair
        if order.service is not None:
            provider = Provider(loader.profile(self._config, order.service))
            provider.check_live()
            pair = provider.kept(pair)
        pair = Pair(order.source or pair.source, order.target or pair.target)
        provider.check(pair)
        if order.talk in ("press", "toggle") and order.button and self._config.talk.buttons:
            chosen = self._config.talk.buttons[order.button - 1]
            provider.check(Pair(chosen.source or pair.source, chosen.target or pair.target))
        if order.summarize is not None:
            loader.profile(self._config, serving(self._config, "summarizes"))
            if not controller.history.text(order.summarize):
                raise UsageError(f"summarize: no finished sentences of session {order.summarize!r}")

    def _obey(self, order: commands.Order, command: Command) -> None:
        controller = self._controller
        if order.service is not None and not self._has(order.service):
            controller.switch(loader.profile(self._config, order.service))
        if order.source is not None or order.target is not None:
            controller.speak(controller.pair(order.source, order.target))
        if order.tts is not None:
            controller.cloud.switch_tts(order.tts)
        if order.volume is not None:
            controller.player.volume = order.volume
        if order.mute is not None:
            controller.feed(Input.MUTE if order.mute else Input.UNMUTE)
        if order.talk is not None:
            self._talk(order.talk, order.button, command.who)
            self._tell(order, command.origin)
        if order.summarize is not None:
            text = controller.history.text(order.summarize)
            self._summarizer.ask(order.summarize, text, order.ref)
        if order.restart:
            controller.stop = Stop("restart was asked for")

    def _has(self, service: str) -> bool:
        """Whether ``service`` was asked for and answers; one that stands in for it does not."""
        controller = self._controller
        return service == controller.chosen == controller.provider.name

    def _talk(self, word: str, button: int | None, who: object) -> None:
        """Press, release or toggle; what opened the gate closes it, and no other button or page."""
        machine, buttons = self._controller.machine, self._config.talk.buttons
        was_open = machine.gate_open
        if word == "release" and not self._may_release(button, who):
            return
        chooses = word != "release" and (not was_open or machine.mode in ("open", "vad"))
        if button is not None and buttons and chooses:
            chosen = buttons[button - 1]
            self._controller.speak(self._controller.pair(chosen.source, chosen.target))
        self._controller.feed(Input[word.upper()])
        if machine.gate_open != was_open:
            self._held_by = (button, who) if machine.gate_open else (None, None)

    def _tell(self, order: commands.Order, origin: str) -> None:
        button = {} if order.button is None else {"button": order.button}
        detail = {"action": order.talk, **button, "origin": origin}
        self._controller.notice(Notice("button", detail))

    def _may_release(self, button: int | None, who: object) -> bool:
        held_button, holder = self._held_by
        if button != held_button and None not in (button, held_button):
            return False
        return who is holder or None in (who, holder)
