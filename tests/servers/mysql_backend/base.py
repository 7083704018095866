"""Django's backend for MySQL and MariaDB, with PyMySQL where mysqlclient is not installed."""

from __future__ import annotations

from tests.servers.mariadb import use_driver

use_driver()

from django.db.backends.mysql.base import *  # noqa: E402, F403
