"""The contract: every name that an experimenter may count on has a test that names it."""

# ruff: noqa: E501  (a table reads best with its rows on one line)
from __future__ import annotations

import ast
import random
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import uproot_nb
from uproot_nb.experiment.pages import ATTRIBUTES, HOOKS

TESTS = Path(__file__).parent
STATIC = Path(uproot_nb.__file__).parent / "static"

PAGES = {
    "Page": "flow/test_flow.py::test_pages_follow_one_another_and_hooks_run_once",
    "NoshowPage": "engine/test_namespace.py::test_a_page_that_is_never_shown_runs_its_hooks",
    "GroupCreatingWait": "flow/waiting/test_waits.py::test_two_hundred_who_come_at_once_are_all_grouped_once",
    "SynchronizingWait": "flow/waiting/test_waits.py::test_all_here_runs_once_for_each_group_and_round",
}
"""The types of pages."""

HOOKS_OF_PAGES = {
    "show": "flow/test_submitting.py::test_a_page_that_is_skipped_still_runs_what_always_runs",
    "early": "flow/test_submitting.py::test_early_sees_the_request_of_the_first_visit",
    "before_always_once": "flow/test_submitting.py::test_once_is_per_page_and_always_once_per_position",
    "before_once": "flow/test_submitting.py::test_once_is_per_page_and_always_once_per_position",
    "fields": "flow/test_submitting.py::test_valid_answers_are_stored_with_their_types",
    "templatevars": "flow/test_flow.py::test_what_templates_and_scripts_get_is_escaped",
    "jsvars": "flow/test_flow.py::test_what_templates_and_scripts_get_is_escaped",
    "validate": "flow/test_submitting.py::test_validate_may_return_errors",
    "before_form_save": "flow/test_submitting.py::test_a_hook_that_fails_leaves_the_data_as_it_was_and_can_be_tried_again",
    "stealth_fields": "flow/test_submitting.py::test_stealth_fields_are_handed_over_and_never_stored",
    "handle_stealth_fields": "flow/test_submitting.py::test_stealth_fields_are_handed_over_and_never_stored",
    "may_proceed": "flow/test_flow.py::test_who_may_not_proceed_stays",
    "after_once": "flow/test_submitting.py::test_once_is_per_page_and_always_once_per_position",
    "after_always_once": "flow/test_submitting.py::test_once_is_per_page_and_always_once_per_position",
    "timeout": "flow/test_timeouts.py::test_a_timeout_may_be_a_hook_and_none_is_none",
    "timeout_reached": "flow/test_timeouts.py::test_a_player_without_a_browser_goes_on_when_time_is_up",
    "after_grouping": "flow/waiting/test_waits.py::test_two_hundred_who_come_at_once_are_all_grouped_once",
    "all_here": "flow/waiting/test_waits.py::test_all_here_runs_once_for_each_group_and_round",
    "group_size": "flow/waiting/test_grouping.py::test_treatments_with_groups_of_two_and_three_share_a_lobby",
    "wait_for": "flow/waiting/test_waits.py::test_wait_for_returns_the_players_to_wait_for",
}
"""What pages may say and do on the way."""

ATTRIBUTES_OF_PAGES = {
    "allow_back": "flow/test_submitting.py::test_back_shows_the_page_before_and_runs_no_once_hook_again",
    "keep_values": "engine/test_namespace.py::test_answers_are_stored_for_the_next_time_the_page_is_shown",
    "log_focus": "flow/participation/test_focus.py::test_what_happens_becomes_events_and_columns_of_page_times",
    "ask_for_help": "realtime/test_hands.py::test_a_hand_is_up_until_the_researcher_lowers_it_and_the_page_shows_both",
    "requires": "flow/participation/test_requirements.py::test_a_page_waits_until_the_browser_has_what_it_requires",
    "template": "templating/test_templates.py::test_a_template_on_the_class_beats_a_cell_which_beats_a_file_which_beats_the_docstring",
    "group_size": "flow/waiting/test_waits.py::test_two_hundred_who_come_at_once_are_all_grouped_once",
    "synchronize": "flow/waiting/test_waits.py::test_the_session_waits_for_all_places_but_not_for_dropouts",
    "timeout_exit": "flow/test_leaving.py::test_a_timeout_may_lead_to_an_exit",
}
"""What is set on a page."""

ORDER = {
    "Random": "experiment/test_order.py::test_random_draws_an_order_and_brackets_stay_together",
    "RandomOrder": "interop/test_exporting.py::test_random_is_random_order",
    "Bracket": "experiment/test_order.py::test_random_draws_an_order_and_brackets_stay_together",
    "Rounds": "experiment/test_order.py::test_rounds_count_from_one_and_nested_rounds_are_listed_from_outside_in",
    "Repeat": "experiment/test_order.py::test_repeat_stops_where_something_is_to_be_decided",
    "Between": "experiment/test_order.py::test_between_shows_one_entry_and_tells_which",
}
"""The operators of page orders."""

NAMESPACE = {
    "page_order": "experiment/test_setup.py::test_the_namespace_gives_what_is_not_handed_in",
    "new_session": "notebook/test_serve.py::test_new_session_and_new_player_run_once_each_and_restart_at_each_resume",
    "new_player": "notebook/test_serve.py::test_new_session_and_new_player_run_once_each_and_restart_at_each_resume",
    "restart": "notebook/test_serve.py::test_new_session_and_new_player_run_once_each_and_restart_at_each_resume",
    "digest": "engine/test_namespace.py::test_the_researcher_reads_digest_and_pipeline",
    "language": "languages/test_choice.py::test_the_authors_wish_goes_before_the_browsers_and_that_before_english",
    "C": "experiment/test_setup.py::test_scripts_see_the_public_constants",
    "Context": "engine/test_namespace.py::test_templates_read_what_the_context_computes",
    "DESCRIPTION": "interop/test_apps.py::test_an_app_says_what_it_is",
    "SUGGESTED_MULTIPLE": "interop/test_apps.py::test_an_app_says_what_it_is",
    "LANDING_PAGE": "engine/test_namespace.py::test_a_landing_page_comes_before_the_first",
    "pipeline": "engine/test_namespace.py::test_the_researcher_reads_digest_and_pipeline",
    "api": "flow/test_api_answers.py::test_a_script_asks_and_the_experiment_answers_and_remembers",
}
"""What is picked up from a notebook or an app."""

TEMPLATES = {
    "title": "templating/test_templates.py::test_a_template_that_extends_base_fills_every_block",
    "head": "templating/test_templates.py::test_a_template_that_extends_base_fills_every_block",
    "pre_container": "templating/test_templates.py::test_a_template_that_extends_base_fills_every_block",
    "late": "templating/test_templates.py::test_a_template_that_extends_base_fills_every_block",
    "field(": "forms/test_form.py::test_templates_draw_all_fields_or_one_and_the_errors_once",
    "static(": "templating/test_templates.py::test_static_files_are_addressed_by_version_below_the_page",
    "fmtnum": "templating/test_templates.py::test_builtins_and_filters",
    "to(": "templating/test_templates.py::test_builtins_and_filters",
    "tojson": "templating/test_templates.py::test_builtins_and_filters",
    "repr": "templating/test_templates.py::test_builtins_and_filters",
    "translate": "languages/test_catalogs.py::test_a_block_is_translated_with_its_whitespace_collapsed",
}
"""What templates may say."""

REAL_TIME = {
    "notify": "realtime/test_delivery.py::test_a_notification_reaches_its_recipients_once_and_nobody_else",
    "where": "realtime/test_delivery.py::test_where_selects_recipients_by_their_page",
    "send_to": "realtime/test_delivery.py::test_cells_send_to_whatever_page_by_default",
    "send_to_one": "realtime/test_delivery.py::test_without_a_sender_there_is_no_page_of_the_sender",
    "players": "session/test_entity_list.py::test_get_finds_by_name_label_id_and_identifier",
    "other_in_group": "realtime/test_author_functions.py::test_the_functions_say_who_else_is_there",
    "others_in_group": "realtime/test_author_functions.py::test_the_functions_say_who_else_is_there",
    "other_in_session": "realtime/test_author_functions.py::test_the_functions_say_who_else_is_there",
    "others_in_session": "realtime/test_author_functions.py::test_the_functions_say_who_else_is_there",
    "spawn": "realtime/test_author_functions.py::test_a_spawned_task_pushes_to_everybody_in_order",
    "reload": "realtime/test_delivery.py::test_steering_reaches_the_open_browser_of_the_player_alone",
    "redirect": "realtime/test_delivery.py::test_a_redirect_never_runs_script",
    "move_to_page": "realtime/test_delivery.py::test_a_page_that_is_not_in_the_order_cannot_be_moved_to",
    "move_to_end": "realtime/test_delivery.py::test_what_was_pushed_on_an_earlier_page_does_not_follow_to_the_next",
    "watch_for_dropout": "flow/test_dropouts.py::test_who_leaves_for_too_long_is_handed_to_the_authors_handler",
    "mark_dropout": "flow/test_dropouts.py::test_marking_is_at_once_and_a_connection_does_not_undo_it",
    "live": "experiment/test_live.py::test_arguments_arrive_with_the_annotated_types",
    "exclusive": "engine/test_calls.py::test_exclusive_calls_of_a_session_never_overlap_not_even_at_await",
    "thread": "engine/test_calls.py::test_a_thread_method_holds_nobody_up",
    "Refused": "engine/test_calls.py::test_an_error_for_the_participant_is_sent_with_type_and_message",
}
"""What pushes, steers and watches."""

DATA = {
    "get": "session/test_entities.py::test_a_field_is_set_read_and_deleted",
    "fields": "session/test_entities.py::test_fields_lists_what_was_set",
    "history": "session/test_entities.py::test_history_has_every_change_with_the_value_after_it",
    "within": "session/test_entities.py::test_within_shows_the_fields_as_they_were",
    "along": "session/test_entities.py::test_along_goes_through_the_values_of_a_field",
    "member_id": "session/test_groups.py::test_members_know_their_group_and_each_other",
    "label": "realtime/test_rooms.py::test_a_label_becomes_the_players_and_admits_once",
    "online": "flow/waiting/test_waits.py::test_who_has_closed_the_tab_is_not_put_into_a_group",
    "settings": "session/test_entities.py::test_settings_are_read_only_with_attribute_access",
    "filter": "session/test_entity_list.py::test_filter_returns_members_for_which_all_conditions_hold",
    "find_one": "session/test_entity_list.py::test_find_one_finds_exactly_one",
    "each": "session/test_entity_list.py::test_each_reads_one_field_or_several",
    "assign": "session/test_entity_list.py::test_assign_gives_one_value_to_all_or_one_to_each",
    "apply": "session/test_entity_list.py::test_apply_returns_what_the_function_gives",
    "df": "session/test_entity_list.py::test_df_has_a_row_for_each_member",
    "create_group": "session/test_groups.py::test_members_may_be_given_as_players_names_labels_or_identifiers",
    "create_groups": "session/test_groups.py::test_create_groups_makes_one_of_each_bunch",
    "add_to_group": "session/test_groups.py::test_add_to_group_puts_a_player_last",
    "Entry": "session/test_model_functions.py::test_entries_come_back_typed_in_order_with_id_and_time",
    "create_model": "session/test_model_functions.py::test_entries_come_back_typed_in_order_with_id_and_time",
    "add_entry": "session/test_model_functions.py::test_entries_come_back_typed_in_order_with_id_and_time",
    "add_raw_entry": "session/test_model_functions.py::test_types_are_separate_and_raw_entries_are_dicts",
    "get_entries": "session/test_model_functions.py::test_entries_come_back_typed_in_order_with_id_and_time",
    "filter_entries": "session/test_model_functions.py::test_filters_are_by_equality_predicate_and_id",
    "predicate": "session/test_model_functions.py::test_filters_are_by_equality_predicate_and_id",
    "get_latest_entry": "session/test_model_functions.py::test_an_empty_model_has_no_latest_entry",
    "get_field": "session/test_model_functions.py::test_fields_of_a_model_and_whether_it_exists",
    "model_exists": "session/test_model_functions.py::test_fields_of_a_model_and_whether_it_exists",
    "chat.create": "realtime/test_chat.py::test_a_message_reaches_every_member_under_a_pseudonym",
    "chat.add_player": "realtime/test_chat.py::test_a_message_reaches_every_member_under_a_pseudonym",
    "chat.messages": "realtime/test_chat.py::test_the_history_is_there_on_load_and_after_a_restart",
    "chat.players": "realtime/test_chat.py::test_members_may_be_added_from_a_cell",
    "chat.exists": "realtime/test_chat.py::test_members_may_be_added_from_a_cell",
    "chat.on_message": "realtime/test_chat.py::test_a_message_reaches_every_member_under_a_pseudonym",
    "researcher_chat": "realtime/test_researcher_chat.py::test_a_participant_asks_and_the_researcher_answers",
    "balanced": "session/test_treatments.py::test_after_each_draw_the_arms_differ_by_one_at_most",
}
"""What is stored, and how it is found again."""

FIELDS = {
    f"{kind}Field": "forms/test_form.py::test_a_good_answer_has_the_type_of_its_field"
    for kind in (
        "Boolean", "BoundedChoice", "Date", "Decimal", "DecimalRange", "Email", "Float",
        "FloatRange", "IBAN", "BIC", "Integer", "Likert", "Radio", "Select", "String", "TextArea",
    )
} | {"FileField": "forms/test_form.py::test_an_uploaded_file_is_read_and_saved"}  # fmt: skip
"""What forms ask with."""

HELPERS = {
    "cu": "experiment/test_helpers.py::test_an_amount_is_exact",
    "safe": "experiment/test_helpers.py::test_what_is_safe_is_not_escaped",
    "data_uri": "experiment/test_helpers.py::test_bytes_become_an_address",
    "uuid": "experiment/test_helpers.py::test_draws_of_a_session_follow_from_its_seed_and_identifiers_do_not",
    "rng": "experiment/test_helpers.py::test_draws_of_a_session_follow_from_its_seed_and_identifiers_do_not",
    "read_csv": "experiment/test_helpers.py::test_rows_go_into_a_file_and_come_back",
    "after_commit": "engine/test_effects.py::test_a_function_is_called_after_the_commit_and_once",
    "once": "engine/test_effects.py::test_once_is_the_first_time",
    "append_to_csv": "experiment/test_helpers.py::test_rows_go_into_a_file_and_come_back",
}
"""What makes an author's life easier."""

SCRIPT = {
    "invoke": "browser/test_page_script.py::test_a_trailing_plain_object_holds_keyword_arguments",
    "receive": "browser/test_page_script.py::test_pushes_reach_their_handlers_in_order",
    "onCustomEvent": "browser/test_page_script.py::test_pushes_reach_their_handlers_in_order",
    "onReady": "browser/test_page_script.py::test_ready_once_then_disconnect_and_reconnect",
    "onReconnect": "browser/test_page_script.py::test_ready_once_then_disconnect_and_reconnect",
    "onDisconnect": "browser/test_page_script.py::test_ready_once_then_disconnect_and_reconnect",
    "onStart": "browser/test_page_script.py::test_what_was_pushed_between_rendering_and_connecting_arrives_at_every_early_handler",
    "vars": "browser/test_page_script.py::test_hostile_variables_stay_data",
    "C": "browser/test_page_form.py::test_constants_are_there_under_their_own_name_unless_the_page_has_one",
    "submit": "browser/test_page_script.py::test_submit_asks_for_what_is_required_first",
    "goBack": "browser/test_page_form.py::test_go_back_does_as_the_back_button",
    "reload": "browser/test_page_script.py::test_the_server_can_reload_the_page",
    "redirect": "browser/test_page_script.py::test_the_server_can_redirect_to_web_addresses_only",
    "alert": "browser/test_page_script.py::test_an_alert_is_announced_focused_and_shown_until_it_is_closed",
    "error": "browser/test_page_script.py::test_nothing_in_a_dialog_can_run",
    "prompt": "browser/test_page_script.py::test_a_prompt_is_answered_by_keyboard",
    "api": "browser/test_page_form.py::test_an_api_is_asked_relative_to_its_address",
    "selectedValue": "browser/test_page_script.py::test_small_things_that_pages_use",
    "escape": "browser/test_page_script.py::test_small_things_that_pages_use",
    "fmtnum": "browser/test_page_script.py::test_small_things_that_pages_use",
    "pageTimeoutRemainingMs": "browser/test_timeouts.py::test_a_page_without_a_deadline_shows_no_countdown",
    "UprootInternalPageTimeoutSet": "browser/test_timeouts.py::test_events_tell_the_beginning_once_and_every_second",
    "UprootInternalPageTimeout": "browser/test_timeouts.py::test_events_tell_the_beginning_once_and_every_second",
    "simulate": "browser/test_simulate.py::test_a_handler_fills_the_form",
}
"""What a page's own JavaScript may use."""

WIRE = {
    "join/": "server/test_pages.py::test_a_join_link_shows_a_button_and_changes_nothing",
    "p/": "server/test_pages.py::test_a_page_comes_from_the_kernel",
    "ws": "server/test_sockets.py::test_page_and_since_must_be_numbers",
    "room/": "realtime/test_rooms.py::test_looking_never_joins_and_the_button_does",
    "static/": "server/test_pages.py::test_static_files_may_be_kept_for_ever",
    "invoke": "server/test_sockets.py::test_a_call_reaches_the_kernel_as_the_browser_made_it",
    "ack": "server/test_sockets.py::test_an_ack_is_kept_for_the_status_page",
    "ping": "server/test_sockets.py::test_pings_without_end_are_too_fast",
    "result": "server/test_sockets.py::test_a_reply_goes_to_the_asking_socket_alone",
    "event": "server/test_sockets.py::test_a_push_goes_to_every_tab_of_its_recipients_and_nobody_else",
    "action": "server/test_sockets.py::test_an_action_steers_open_sockets_without_a_seq",
    "status": "server/test_sockets.py::test_every_socket_is_told_the_state",
    "4400": "server/test_sockets.py::test_a_malformed_frame_closes_with_4400_and_disturbs_nobody",
    "4403": "server/test_sockets.py::test_a_bad_token_is_let_in_only_to_be_told_4403",
    "4404": "browser/test_page_script.py::test_a_page_of_an_ended_session_shows_that_and_stops_trying",
    "4408": "server/test_sockets.py::test_a_browser_that_reads_nothing_is_closed_and_resumes",
    "4413": "server/test_sockets.py::test_too_large_a_frame_closes_with_4413_and_is_not_kept",
    "4425": "server/test_expected.py::test_a_players_page_waits_for_the_kernel_and_is_told_to_connect_again",
    "4429": "server/test_sockets.py::test_too_many_calls_close_with_4429",
}
"""What travels between browser and server."""

AROUND = {
    "room": "notebook/test_rooms.py::test_a_handle_tells_of_its_room",
    "load_app": "interop/test_apps.py::test_an_app_says_what_it_is",
    "export_app": "interop/test_exporting.py::test_an_exported_experiment_loads_with_the_same_pages_and_hooks",
    "uproot.smithereens": "interop/test_cells.py::test_a_cell_may_import_from_the_framework_by_its_name",
    "simulate": "browser/test_simulate.py::test_a_handler_fills_the_form",
    "serve": "notebook/test_serve.py::test_without_arguments_serve_takes_the_namespace_it_is_called_from",
}
"""Rooms, and apps of the framework."""

TABLES = {
    "pages": PAGES, "hooks": HOOKS_OF_PAGES, "attributes": ATTRIBUTES_OF_PAGES, "order": ORDER,
    "namespace": NAMESPACE, "templates": TEMPLATES, "real time": REAL_TIME, "data": DATA,
    "fields": FIELDS, "helpers": HELPERS, "script": SCRIPT, "wire": WIRE, "around": AROUND,
}  # fmt: skip
ROWS = [(table, name, test) for table, rows in TABLES.items() for name, test in rows.items()]


@pytest.mark.long
def test_every_row_has_a_test_that_names_it() -> None:
    lacking = [problem for table, name, test in ROWS for problem in problems(table, name, test)]
    assert not lacking, "\n" + "\n".join(lacking)


def problems(table: str, name: str, test: str) -> Iterator[str]:
    """Yield what a row lacks: its test, or its name in the test's file."""
    path, _, function = test.partition("::")
    if function not in functions(path):
        yield f"{table}, {name}: there is no {test}"
    word = name.rpartition(".")[2].rstrip("/(")
    if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", source(path)):
        yield f"{table}, {name}: {path} does not name it"


STARRED = [
    *PAGES, *ORDER, *FIELDS, *HELPERS, "live", "Refused", "Entry", "balanced", "chat", "room",
    "load_app", "export_app", "serve", "F", "fmtnum", "to", "PlayerContext", "Player", "Group",
    "Session", "Run", "UprootError",
    *(name for name in REAL_TIME if name not in ("where", "exclusive", "thread")),
    *(name for name in DATA if name.startswith(("create", "add_", "get_", "filter_", "model"))),
]  # fmt: skip


def test_a_star_gives_every_name() -> None:
    by_name_alone = {"Random", "uuid"}
    assert set(STARRED) - set(uproot_nb.__all__) == by_name_alone
    assert all(hasattr(uproot_nb, name) for name in by_name_alone)
    assert [name for name in STARRED if not hasattr(uproot_nb, name)] == []


def test_the_star_leaves_the_underscore_alone() -> None:
    assert "_" not in uproot_nb.__all__


def test_the_star_hides_no_name_of_the_standard_library() -> None:
    """Neither `random.Random`, nor a module; loaded apps have both names as they know them."""
    names: dict[str, Any] = {}
    exec("import uuid\nfrom random import Random\nfrom uproot_nb import *", names)
    assert names["Random"] is random.Random
    assert names["uuid"].uuid4().version == 4
    assert set(uproot_nb.__all__) & {*vars(random), *sys.stdlib_module_names} == set()
    assert uproot_nb.uuid().version == 4
    assert uproot_nb.Random is uproot_nb.RandomOrder


def test_every_hook_and_attribute_has_its_row() -> None:
    named = {*HOOKS_OF_PAGES, *ATTRIBUTES_OF_PAGES}
    assert {*HOOKS, *ATTRIBUTES} - named == set()
    assert named <= {*HOOKS, *ATTRIBUTES}


@pytest.mark.long
def test_the_script_has_what_the_contract_names() -> None:
    scripts = "".join(path.read_text("utf-8") for path in STATIC.glob("*.js"))
    assert [name for name in SCRIPT if not re.search(rf"(?<!\w){name}(?!\w)", scripts)] == []


@cache
def source(path: str) -> str:
    return (TESTS / path).read_text("utf-8")


@cache
def functions(path: str) -> frozenset[str]:
    defined = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name for node in ast.walk(ast.parse(source(path))) if isinstance(node, defined)
    )
