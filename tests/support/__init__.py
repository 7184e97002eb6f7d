"""What several kinds of tests share: real servers, started and stopped by the tests themselves."""
