"""What a student must be, and builders of students."""
