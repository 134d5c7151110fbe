"""From the topic's message to Slack."""
