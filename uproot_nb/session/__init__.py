"""A session's live data: entities, tracked values, models, groups, the journal, the step lock."""
