from .page import check_places as check_places
from .page import leaderboard_csv as leaderboard_csv
from .page import write_report as write_report
