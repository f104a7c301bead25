"""Where the tests of a module are: `tests/cluster/test_dbscan.py` for `src/reseen/cluster/dbscan.py`.

A mirrored file may have parts: `test_dbscan_ties.py` is one, too. Modules without a mirrored file are named in
`COVERED_BY`, with the tests that run their code: compiled loops and parts of a computation are tested through what
calls them, readers of benchmarks through trees that look like the benchmarks, commands through command lines, pages
through a browser or their HTML.
"""

from pathlib import Path

from tests.house.source import PACKAGE, PROJECT

TESTS = PROJECT / "tests"

COVERED_BY = [  # folder, modules, test files
    ("", "errors", "faults/test_hostile_files cli/test_bad_data"),
    ("audit", "next_question same_person", "audit/test_calibration"),
    ("cli", "app data_labels demo doctor plugins recipes setting_flags toy train", "cli/test_commands"),
    ("cli", "annotations", "annotations/test_gallery_annotations"),
    ("cli", "compare embed export", "cli/test_commands cli/test_bad_places"),
    ("cli", "forget index search", "cli/test_gallery_commands"),
    ("cli", "people_edits people_update", "cli/test_people_commands"),
    ("cli", "push", "export/test_hub"),
    ("", "validation_messages", "test_config runs/test_recipe"),
    ("cluster/clusterings", "base dbscan hierarchy", "testing/test_clustering_conformance"),
    ("cli", "video_flags", "cli/test_crop_command cli/test_watch_command"),
    ("cluster", "dbscan_kernels", "cluster/test_dbscan"),
    (
        "cluster/hierarchy",
        "candidates",
        "cluster/hierarchy/test_shared_neighbors_shared cluster/hierarchy/test_pool_of_candidates",
    ),
    ("cluster/hierarchy", "cost partition single", "cluster/hierarchy/test_dense"),
    ("cluster/hierarchy", "history settings steps", "cluster/hierarchy/test_grow"),
    ("cluster/hierarchy", "inverted_lists", "cluster/hierarchy/test_partners"),
    ("data", "crops decode_table evaluation_table settings", "data/test_pixels data/test_table"),
    ("data", "jitter", "data/test_views"),
    ("data", "parallel", "data/test_pixel_cache"),
    (
        "datasets",
        "animals benchmark_splits cuhk01 cuhk03 duke luperson msmt17",
        "datasets/test_image_benchmarks",
    ),
    ("datasets", "personx randperson vehicleid veri776 viper", "datasets/test_image_benchmarks"),
    ("datasets", "duke_video ilids_vid mars prid2011", "datasets/test_video_benchmarks"),
    ("datasets", "dataset layout_detection namings", "datasets/test_every_layout datasets/test_own_data"),
    ("datasets", "shards", "datasets/test_remote_shards datasets/test_tar_members"),
    ("distributed", "launch worker_pool", "distributed/test_many_processes"),
    ("evaluate", "bootstrap", "evaluate/test_details"),
    ("evaluate", "feature_files", "evaluate/test_labeled"),
    ("evaluate", "rank_kernel", "evaluate/test_ranking"),
    ("evaluate", "refine sampled_protocols scoring", "evaluate/test_protocols"),
    ("evaluate", "task", "evaluate/test_metrics evaluate/test_labeled"),
    ("evaluate/leaderboard", "literature markdown", "evaluate/leaderboard/test_boards"),
    ("export", "card fingerprint parity samples", "export/test_export"),
    (
        "exported",
        "exported_file metadata onnx_file openvino_file parity_limits reid_reader torch_file",
        "export/test_export export/test_reid_folder faults/test_hostile_files",
    ),
    ("features", "embed_worker", "features/test_embed_ray"),
    ("gallery", "index known_clusters query_image rerank_hits store", "gallery/test_gallery"),
    ("gallery", "serving_file", "viewer/test_serving"),
    ("gallery", "forget_crops search_gallery", "gallery/test_by_address cli/test_gallery_commands"),
    ("gallery", "contact_sheet forget_page", "gallery/test_forget"),
    ("gallery", "copies deletion_log in_use side_files", "gallery/test_removal"),
    ("gallery", "search_results thumbnail", "gallery/test_camera_search gallery/test_terminal"),
    (
        "gallery/edits",
        "edit people_change undo_history",
        "gallery/edits/test_journal viewer/edits/test_editor",
    ),
    ("gallery/people", "consequences differences lookup members open_people", "gallery/people/test_people"),
    ("gallery/people", "follow_clusters follow_vectors people_plan", "gallery/people/test_update"),
    ("gallery/people", "tables", "gallery/people/test_export"),
    ("gallery/people", "update_people", "cli/test_people_commands"),
    ("gallery/stores", "checks normalized_filter payload", "gallery/stores/test_contract"),
    ("gallery/stores", "edge_shard gallery_folder", "gallery/stores/test_edge"),
    ("gallery/stores", "postgresql postgresql_statements qdrant_server", "gallery/stores/test_contract"),
    ("gallery/stores", "served", "gallery/stores/test_contract viewer/test_serving"),
    (
        "methods",
        "base clustered global_patch_settings maskpre_settings",
        "methods/test_conformance",
    ),
    ("models", "arithmetic frozen_front", "models/test_fold models/test_frozen_stages"),
    ("models", "replace_modules", "models/test_norm models/test_depthwise"),
    ("models", "batch_shard sharded_trunk", "models/test_sync_batch_norm"),
    ("models", "encoder_fingerprint", "models/test_patch_stage export/test_export"),
    ("models", "settings stages trial weights", "models/test_backbone models/test_encoder"),
    ("models", "norm_kernels", "models/test_norm_activation"),
    ("neighbors", "csr jaccard_kernels", "neighbors/test_jaccard"),
    ("neighbors", "row_kernels", "neighbors/test_jaccard neighbors/test_rerank"),
    ("neighbors/out_of_core", "inverted_lists_on_disk tiles", "neighbors/out_of_core/test_mapped_search"),
    ("pages", "axes", "pages/test_line_charts pages/test_bar_charts"),
    ("pages", "content scores sheets", "pages/test_render pages/test_cluster_page"),
    ("pages", "data_page", "tasks/data_check/test_inspect"),
    ("pages", "leaderboard_page", "evaluate/leaderboard/test_boards"),
    ("pages", "search_page", "gallery/test_camera_search"),
    ("plan", "clustering embedding estimate sample training", "plan/test_plans"),
    ("runs", "cluster_file device load_table log run run_outcome train_settings", "training/test_train"),
    ("synthetic", "brush camera clothes figure head person pose scene schedule", "synthetic/test_crowd"),
    ("synthetic", "drawing_worker drawn_frames walk", "synthetic/test_crowd_video"),
    ("tasks", "leaderboard", "cli/test_report_command"),
    ("tasks", "demo", "cli/test_commands"),
    ("tasks", "worker", "distributed/test_many_processes"),
    ("tasks/audit", "audit_table select_run verify", "tasks/audit/test_audit"),
    ("tasks/clustering", "cluster_pages cluster_result", "tasks/clustering/test_cluster"),
    ("tasks/comparison", "sides", "tasks/comparison/test_compare"),
    ("tasks/data_check", "findings page pixel_findings report", "tasks/data_check/test_inspect"),
    ("tasks/evaluation", "retrieval", "tasks/evaluation/test_score"),
    ("tasks/evaluation", "score_features", "evaluate/test_labeled"),
    ("testing", "conformance device_conformance state", "methods/test_conformance"),
    ("training", "loop setup", "training/test_train"),
    ("video", "recognizer watch_event", "video/test_watch cli/test_watch_command"),
    (
        "video",
        "crop_files detector settings sheet sources",
        "video/test_crop",
    ),
    ("video", "motion torchvision_detector tracker", "video/test_crop video/test_tracklets"),
    ("video", "detector_weights", "video/test_rfdetr_detector video/test_crop"),
    ("video", "onnx_detector", "video/test_onnx_heads video/test_crop"),
    ("viewer/api", "store", "viewer/test_serving gallery/stores/test_contract"),
    ("viewer", "uploads", "viewer/test_security viewer/test_odd_requests"),
    ("viewer", "clusters unclustered", "viewer/edits/test_editor"),
    ("viewer", "deletion", "viewer/pages/test_forget"),
    ("viewer", "layout_kernel neighbor_layout", "viewer/test_maps"),
    ("viewer", "open viewer", "viewer/test_server viewer/test_pages"),
    ("viewer", "questions", "viewer/pages/test_questions"),
    (
        "viewer/api",
        "edits forget look questions schema search",
        "viewer/test_server viewer/test_odd_requests",
    ),
    ("viewer/api", "people", "viewer/pages/test_people_actions"),
    ("viewer/edits", "people_edits", "viewer/pages/test_people_actions"),
    ("viewer/edits", "selected", "viewer/edits/test_editor"),
    (
        "viewer/pages",
        "actions cluster clusters login map pictures rounds",
        "viewer/test_pages viewer/test_map",
    ),
    (
        "viewer/pages",
        "people_changes people_questions person",
        "viewer/pages/test_people viewer/pages/test_people_actions",
    ),
]


def mirrored_tests(module: Path) -> list[Path]:
    """The mirrored test files of a module, which may be none."""
    inside = module.relative_to(PACKAGE)
    folder = TESTS / inside.parent
    return sorted([*folder.glob(f"test_{inside.stem}.py"), *folder.glob(f"test_{inside.stem}_*.py")])


def covered_by() -> dict[Path, list[Path]]:
    """The modules of `COVERED_BY`, and the test files that run their code."""
    return {
        PACKAGE / folder / f"{name}.py": [TESTS / f"{test}.py" for test in tests.split()]
        for folder, names, tests in COVERED_BY
        for name in names.split()
    }


def find_tests(module: Path) -> list[Path]:
    """The mirrored test files of a module, else those that `COVERED_BY` names; none for one that only gathers names."""
    return mirrored_tests(module) or covered_by().get(module, [])
