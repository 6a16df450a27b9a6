-- Counting anew sorts every recording: in memory where it can, not on disk.
ALTER FUNCTION figures_rebuild(text) SET work_mem = '256MB';
