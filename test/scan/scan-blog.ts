import type {ScanReport} from '../../source/model/scan-report.ts';
import {scanDirectory} from '../../source/scan/scan-directory.ts';
import {createApp} from './create-app.ts';

export const schema = `
model User {
  id      Int      @id
  email   String   @unique
  role    String
  posts   Post[]
  profile Profile?
}
model Profile {
  id     Int  @id
  userId Int  @unique
  user   User @relation(fields: [userId], references: [id])
}
model Post {
  id       Int       @id
  authorId Int
  author   User      @relation(fields: [authorId], references: [id])
  comments Comment[]
}
model Comment {
  id     Int  @id
  postId Int
  post   Post @relation(fields: [postId], references: [id])
}
`;

/** What a scan reports of an application with users, their posts and comments. */
export async function scan(files: Record<string, string>): Promise<ScanReport> {
  return scanDirectory(await createApp({'prisma/schema.prisma': schema, ...files}));
}
