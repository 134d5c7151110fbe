"""What a training job is: values and rules that all capabilities share."""
