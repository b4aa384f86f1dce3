"""What ``scripts/demo`` runs: a server, an Airflow, two months of flights, and what came of them."""
