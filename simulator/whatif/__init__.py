"""What if the prices were others: one company under two price books, with customers who react."""
