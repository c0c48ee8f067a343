from .data import write_data as write_data
from .data import write_summary as write_summary
from .explorer import write_explorer as write_explorer
from .folder import write_folder as write_folder
from .page import check_places as check_places
from .page import leaderboard_csv as leaderboard_csv
from .page import write_report as write_report
from .terms import rows_to_review as rows_to_review
